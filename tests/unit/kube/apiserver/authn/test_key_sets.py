"""The error text for an issuer that cannot be reached."""

from __future__ import annotations

import socket
import ssl

import pytest

from kprov.kube.apiserver.authn.key_sets import KeySet


async def test_the_error_for_an_unreachable_issuer_has_no_internal_details() -> None:
    with socket.socket() as taken:
        # Bound, and nobody listens.
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="Connect call failed") as caught:
            await KeySet(url, ssl.create_default_context()).fetch(f"{url}/keys")
    assert str(caught.value).startswith(f' Get "{url}/keys": ')
    assert "SSLContext" not in str(caught.value)
