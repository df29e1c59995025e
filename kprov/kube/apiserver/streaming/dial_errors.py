"""Describe connection errors as Go's net package does; clients show these texts."""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import SplitResult

#: OpenSSL's X509_V_ERR_*: self-signed certificate, and unknown issuer.
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})


def describe_error(error: BaseException, url: SplitResult) -> str:
    """Describe the error of a connection to a URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return f"dial tcp {_format_address(url)}: connect: connection refused"
        if isinstance(cause, socket.gaierror):
            return f"dial tcp: lookup {url.hostname}: no such host"
        if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in _UNKNOWN_AUTHORITY:
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    return str(error) or type(error).__name__


def _format_address(url: SplitResult) -> str:
    return url.netloc if url.port is not None else f"{url.netloc}:{443 if url.scheme == 'https' else 80}"
