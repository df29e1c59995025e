"""What Docker Engine answers instead of success."""

from __future__ import annotations

import orjson


class EngineError(Exception):
    """status: of HTTP, such as 404. message: the engine's text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class EngineUnavailableError(Exception):
    """Nobody answers at the engine's socket, or the connection broke before the end of the response."""


def read_error(status: int, body: bytes) -> EngineError:
    """Return the error of a response, whose body is {"message": text}, or any text."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    text = document.get("message") if isinstance(document, dict) else None
    return EngineError(status, str(text or body.decode(errors="replace").strip() or f"HTTP status {status}"))
