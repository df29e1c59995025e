"""Keeps the certificates of the system's authorities out of the memory of processes that do not need them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

#: OpenSSL reads the paths of the default certificates from these.
_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextlib.contextmanager
def skip_system_authorities() -> Iterator[None]:
    """TLS contexts that are made meanwhile trust no authority by default.

    For the import of aiohttp: it makes contexts for requests that bring none of their own, and reads 2 MB of
    certificates for them. Call this before other threads run.
    """
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
