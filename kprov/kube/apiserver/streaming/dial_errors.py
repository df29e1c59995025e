"""Why a backend was not reached, in the words of Go's net package, which clients show."""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import SplitResult

#: X509_V_ERR_* of OpenSSL: signed by itself, and by someone who is not there.
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})


def describe_error(error: BaseException, url: SplitResult) -> str:
    """error: of a connection to that URL."""
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


def find_port_problem(url: SplitResult) -> str:
    """Why nothing can listen there, "" where something may."""
    place, _, port = url.netloc.rpartition(":")
    if not place or not port or port.endswith("]"):
        return ""
    if not port.isdecimal():
        return f"dial tcp: lookup tcp/{port}: unknown port"
    return f"dial tcp: address {port}: invalid port" if int(port) > 65535 else ""


def _format_address(url: SplitResult) -> str:
    return url.netloc if url.port is not None else f"{url.netloc}:{443 if url.scheme == 'https' else 80}"
