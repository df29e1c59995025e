"""Errors of issuers that cannot be reached, or are hostile."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from kprov.kube.apiserver.authn.key_sets import KeySet
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, hostile


async def test_the_error_for_an_unreachable_issuer_has_no_internal_details() -> None:
    with socket.socket() as taken:
        # Bound, and nobody listens.
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="connection refused") as caught:
            await KeySet(url, ssl.create_default_context()).fetch(f"{url}/keys")
    assert str(caught.value).startswith(f' Get "{url}/keys": ')
    assert "SSLContext" not in str(caught.value)


@pytest.mark.parametrize("name", hostile_server.HEADS)
async def test_a_hostile_issuer_is_a_clear_error(name: str) -> None:
    trick, text = hostile_server.HEADS[name]
    async with hostile(trick) as server:
        url = f"http://127.0.0.1:{server.port}/keys"
        with pytest.raises(OSError, match=text) as caught:
            await KeySet(url, ssl.create_default_context()).fetch(url)
        assert str(caught.value).startswith(f' Get "{url}": ')
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("name", hostile_server.ENDLESS)
async def test_a_document_has_a_largest_size(name: str) -> None:
    async with hostile(hostile_server.ENDLESS[name]) as server:
        url = f"http://127.0.0.1:{server.port}/keys"
        with pytest.raises(OSError, match="the document is longer than 4194304 bytes"):
            await KeySet(url, ssl.create_default_context()).fetch(url)
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND
