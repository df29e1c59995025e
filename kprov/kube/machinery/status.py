"""Errors of the API: Status objects with upstream's code, reason, message and details.

Source of the texts: staging/src/k8s.io/apimachinery/pkg/api/errors and apiserver's negotiation errors.
Constructors take `resource` as a Resource or as text ("pods", "deployments.apps").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

GroupResource = Resource | str
#: Characters with a short escape in Go.
_ESCAPED: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


class StatusError(Exception):
    """A failed request. `status` is the Status object to send."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(str(status.get("message", "")))
        self.status: JsonObject = dict(status)

    @property
    def code(self) -> int:
        """HTTP status code."""
        return int(self.status.get("code", 500))

    @property
    def reason(self) -> str:
        """Upstream's StatusReason: NotFound, Conflict ..."""
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.status.get("message", ""))

    @property
    def retry_after_seconds(self) -> int | None:
        """The value of the Retry-After header, None for no header."""
        seconds = self.status.get("details", {}).get("retryAfterSeconds")
        return int(seconds) if seconds else None


def failure(code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> StatusError:
    """Return a StatusError of any reason. Empty reason and details are omitted, as upstream does."""
    status: JsonObject = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = {key: value for key, value in details.items() if value}
    status["code"] = code
    return StatusError(status)


def success(details: Mapping[str, Any] | None = None, code: int = 200) -> JsonObject:
    """Return the Status that answers a deletion: {"status": "Success", ...}."""
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        status["details"] = dict(details)
    elif code != 200:
        status["code"] = code
    return status


def quoted(text: str) -> str:
    """Quote text as Go's %q does."""
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(map(_escape_char, text)) + '"'


def _escape_char(char: str) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    if char.isprintable():
        return char
    number = ord(char)
    if number < 0x20 or number == 0x7F:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _parts(resource: GroupResource) -> tuple[str, str, str]:
    """(group, plural, printed form)."""
    if isinstance(resource, Resource):
        return resource.group, resource.plural, resource.group_resource
    plural, _, group = resource.partition(".")
    return group, plural, resource


def _about(resource: GroupResource, name: str, **more: Any) -> dict[str, Any]:
    group, plural, _ = _parts(resource)
    return {"name": name, "group": group, "kind": plural, **more}


def not_found(resource: GroupResource, name: str) -> StatusError:
    return failure(404, "NotFound", f"{_parts(resource)[2]} {quoted(name)} not found", _about(resource, name))


def path_not_found() -> StatusError:
    """404 for a path that is not served."""
    return failure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: GroupResource, name: str) -> StatusError:
    text = f"{_parts(resource)[2]} {quoted(name)} already exists"
    return failure(409, "AlreadyExists", text, _about(resource, name))


def generate_name_conflict(resource: GroupResource, name: str, retry_after_seconds: int = 1) -> StatusError:
    text = (
        f"{_parts(resource)[2]} {quoted(name)} already exists, the server was not able to generate a unique "
        "name for the object"
    )
    details = _about(resource, name, retryAfterSeconds=retry_after_seconds)
    return failure(409, "AlreadyExists", text, details)


def conflict(resource: GroupResource, name: str, text: str) -> StatusError:
    message = f"Operation cannot be fulfilled on {_parts(resource)[2]} {quoted(name)}: {text}"
    return failure(409, "Conflict", message, _about(resource, name))


#: The text of a conflict between a sent resourceVersion and the stored one.
OPTIMISTIC_LOCK_TEXT = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def apply_conflict(causes: Sequence[Mapping[str, str]], message: str) -> StatusError:
    """409 of server-side apply for fields of other managers. causes: {reason, message, field}."""
    return failure(409, "Conflict", message, {"causes": [dict(cause) for cause in causes]})


def invalid(group: str, kind: str, name: str, errors: Iterable[FieldError]) -> StatusError:
    """422 with one cause per field error. The message has equal texts once."""
    listed = list(errors)
    causes = [{"reason": error.reason, "message": error.message, "field": error.field} for error in listed]
    texts = list(dict.fromkeys(f"{error.field}: {error.message}" for error in listed))
    message = f"{f'{kind}.{group}' if group else kind} {quoted(name)} is invalid"
    if texts:
        message += f": {texts[0]}" if len(texts) == 1 else f": [{', '.join(texts)}]"
    return failure(422, "Invalid", message, {"name": name, "group": group, "kind": kind, "causes": causes})


def forbidden(resource: GroupResource, name: str, text: str) -> StatusError:
    """403. The message omits an empty resource (a path that is not one) and an empty name."""
    printed = _parts(resource)[2]
    if not printed:
        message = f"forbidden: {text}"
    elif name:
        message = f"{printed} {quoted(name)} is forbidden: {text}"
    else:
        message = f"{printed} is forbidden: {text}"
    return failure(403, "Forbidden", message, _about(resource, name))


def unauthorized(text: str = "Unauthorized") -> StatusError:
    return failure(401, "Unauthorized", text)


def bad_request(text: str) -> StatusError:
    return failure(400, "BadRequest", text)


def gone(text: str) -> StatusError:
    return failure(410, "Gone", text)


def expired(text: str) -> StatusError:
    """410 for a resourceVersion or continue token that is too old."""
    return failure(410, "Expired", text)


def too_many_requests(text: str, retry_after_seconds: int = 1) -> StatusError:
    return failure(429, "TooManyRequests", text, {"retryAfterSeconds": retry_after_seconds})


def service_unavailable(text: str) -> StatusError:
    return failure(503, "ServiceUnavailable", text)


def method_not_allowed() -> StatusError:
    """405 for an HTTP method that a path does not have."""
    return failure(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def timeout(text: str, retry_after_seconds: int = 0) -> StatusError:
    return failure(504, "Timeout", f"Timeout: {text}", {"retryAfterSeconds": retry_after_seconds})


def internal_error(text: str) -> StatusError:
    message = f"Internal error occurred: {text}"
    return failure(500, "InternalError", message, {"causes": [{"message": text}]})


def request_entity_too_large(text: str) -> StatusError:
    return failure(413, "RequestEntityTooLarge", f"Request entity too large: {text}")


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    text = (
        "the body of the request was in an unknown format - accepted media types include: "
        f"{', '.join(accepted)}"
    )
    return failure(415, "UnsupportedMediaType", text)


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    text = f"406: Not Acceptable\n\nAvailable representations: {', '.join(accepted)}"
    return failure(406, "NotAcceptable", text, {})
