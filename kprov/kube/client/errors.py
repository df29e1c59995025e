"""Errors of requests to the API server.

ClientError
├── ApiError          the server answered with a metav1.Status
└── TransportError    no response: refused, reset, timed out, TLS
"""

from typing import Any


class ClientError(Exception):
    """Base of this package's errors."""


class TransportError(ClientError):
    """The server could not be reached or did not respond. A retry may help."""


class ApiError(ClientError):
    """An error response. `status`: the metav1.Status. `code`: HTTP's. `reason`: such as NotFound."""

    def __init__(self, status: dict[str, Any], code: int) -> None:
        self.status = status
        self.code = int(status.get("code") or code)
        self.reason = str(status.get("reason") or "")
        self.message = str(status.get("message") or f"the server answered {self.code}")
        super().__init__(self.message)

    @property
    def is_not_found(self) -> bool:
        return self.code == 404

    @property
    def is_conflict(self) -> bool:
        """Another client has changed the object meanwhile. Not for AlreadyExists."""
        return self.code == 409 and self.reason != "AlreadyExists"

    @property
    def is_already_exists(self) -> bool:
        return self.code == 409 and self.reason == "AlreadyExists"

    @property
    def is_expired(self) -> bool:
        """The resource version is too old to watch from. List again."""
        return self.code == 410 or self.reason in {"Expired", "Gone"}

    @property
    def is_namespace_terminating(self) -> bool:
        causes = (self.status.get("details") or {}).get("causes") or []
        return self.code == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
