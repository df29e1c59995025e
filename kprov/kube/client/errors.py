"""What can go wrong between a component and the API server.

ClientError
├── ApiError          the server answered with a metav1.Status
└── TransportError    no answer: refused, reset, timed out, TLS
"""

from typing import Any


class ClientError(Exception):
    """Base of this package's errors."""


class TransportError(ClientError):
    """The server could not be reached or fell silent; trying again later may help."""


class ApiError(ClientError):
    """A refusal. ``status`` is the metav1.Status document, ``code`` HTTP's, ``reason`` e.g. NotFound."""

    def __init__(self, status: dict[str, Any], code: int) -> None:
        self.status = status
        self.code = int(status.get("code") or code)
        self.reason = str(status.get("reason") or "")
        self.message = str(status.get("message") or f"the server answered {self.code}")
        super().__init__(self.message)

    @property
    def retry_after(self) -> float:
        """Seconds the server asks to wait, 0 when it does not."""
        return float((self.status.get("details") or {}).get("retryAfterSeconds") or 0)

    @property
    def is_not_found(self) -> bool:
        return self.code == 404

    @property
    def is_conflict(self) -> bool:
        """Somebody changed the object meanwhile (not: it exists already)."""
        return self.code == 409 and self.reason != "AlreadyExists"

    @property
    def is_already_exists(self) -> bool:
        return self.code == 409 and self.reason == "AlreadyExists"

    @property
    def is_expired(self) -> bool:
        """The resource version is too old to watch from: list again."""
        return self.code == 410 or self.reason in {"Expired", "Gone"}

    @property
    def is_namespace_terminating(self) -> bool:
        causes = (self.status.get("details") or {}).get("causes") or []
        return self.code == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
