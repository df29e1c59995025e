"""Describe errors of connections and responses as Go's net and net/http do; clients show these texts."""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import SplitResult

from kprov.kube.component_base.http11.response_head import ResponseError

#: OpenSSL's X509_V_ERR_*: self-signed certificate, and unknown issuer.
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
#: OpenSSL's reason for a server that answers a handshake in plain text.
_PLAIN_TEXT: Final = "WRONG_VERSION_NUMBER"
GAVE_HTTP: Final = "http: server gave HTTP response to HTTPS client"


def describe_error(error: BaseException, url: SplitResult) -> str:
    """Describe the error of a request to a URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return f"dial tcp {_format_address(url)}: connect: connection refused"
        if isinstance(cause, socket.gaierror):
            return f"dial tcp: lookup {url.hostname}: no such host"
        if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in _UNKNOWN_AUTHORITY:
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        if isinstance(cause, ssl.SSLError) and cause.reason == _PLAIN_TEXT:
            return GAVE_HTTP
        if isinstance(cause, ResponseError):
            return f"net/http: HTTP/1.x transport connection broken: {cause}"
        cause = cause.__cause__
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _format_address(url: SplitResult) -> str:
    return url.netloc if url.port is not None else f"{url.netloc}:{443 if url.scheme == 'https' else 80}"
