"""The audit event of one request, written at each stage.

Source: apiserver/pkg/audit/{context,request,format}.go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from kprov.kube.apiserver.audit.policy import LEVEL_NAMES, Level, RecordingRule
from kprov.kube.apiserver.request import RequestInfo, UserInfo, http_request
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject

#: Writes one line of the log.
Write = Callable[[bytes], None]


def format_micro_time(moment: datetime) -> str:
    """Format as upstream's MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class AuditEvent:
    """Created after authentication; lives as long as the request."""

    __slots__ = (
        "_document",
        "_format",
        "_started",
        "_write",
        "annotations",
        "body",
        "content_type",
        "id",
        "info",
        "recording",
        "response_status",
    )

    def __init__(
        self,
        recording: RecordingRule,
        info: RequestInfo,
        document: JsonObject,
        write: Write,
        *,
        legacy: bool = False,
    ) -> None:
        """document: the fields that are known at the start."""
        self.recording = recording
        self.info = info
        #: The body of the request, set when it is read.
        self.body = b""
        self.content_type = ""
        self.annotations: dict[str, str] = {}
        self.response_status: JsonObject | None = None
        self._document = document
        self._write = write
        self._format = _format_legacy if legacy else _format_json
        self._started = False

    @property
    def level(self) -> Level:
        return self.recording.level

    @property
    def records_response(self) -> bool:
        """Whether the event has the body of the response."""
        return self.level >= Level.REQUEST_RESPONSE and self.info.is_resource_request

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation; the first value of a key stays."""
        self.annotations.setdefault(key, value)

    def set_impersonated_user(self, user: UserInfo, constraint: str) -> None:
        """Set the impersonated user. constraint: the verb that allowed it, "" for `impersonate`."""
        self._document["impersonatedUser"] = user.to_document()
        if constraint:
            self._document["authenticationMetadata"] = {"impersonationConstraint": constraint}

    def fill_object_ref(self, **fields: str) -> None:
        """Add fields of the request's object to objectRef if the path does not have them."""
        reference = self._document.setdefault("objectRef", {})
        for name, value in fields.items():
            if value and not reference.get(name):
                reference[name] = value

    def set_request_object(self, value: Any) -> None:
        self._document["requestObject"] = value

    def set_response_object(self, value: Any) -> None:
        self._document["responseObject"] = value

    def write_request_received(self) -> None:
        """Write stage RequestReceived."""
        self._write_stage("RequestReceived", self._document["requestReceivedTimestamp"])

    def write_response_started(self, code: int) -> None:
        """Write stage ResponseStarted of a long-running request, once."""
        if not self._started:
            self._started = True
            self.response_status = self.response_status or {"metadata": {}, "code": code}
            self.response_status["code"] = code
            self._write_stage("ResponseStarted")

    def write_response_complete(self) -> None:
        """Write stage ResponseComplete."""
        self._write_stage("ResponseComplete")

    def write_panic(self, text: str) -> None:
        """Write stage Panic after an unexpected exception."""
        self.response_status = {
            "metadata": {},
            "status": "Failure",
            "message": f"APIServer panic'd: {text}",
            "reason": "InternalError",
            "code": 500,
        }
        self._write_stage("Panic")

    def _write_stage(self, stage: str, moment: str = "") -> None:
        if stage in self.recording.omitted:
            return
        document = self._document
        document["stage"] = stage
        document["stageTimestamp"] = moment or format_micro_time(datetime.now(UTC))
        if self.response_status is not None:
            document["responseStatus"] = self.response_status
        if self.annotations:
            document["annotations"] = self.annotations
        try:
            line = self._format(document)
        except (TypeError, UnicodeEncodeError):
            # Headers may have bytes that are not UTF-8.
            line = self._format(_replace_invalid_utf8(document))
        self._write(line)


_ORDER: Final = (
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "authenticationMetadata",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
)


def _replace_invalid_utf8(value: Any) -> Any:
    """Replace invalid UTF-8 in all strings, as Go's JSON encoder does."""
    if isinstance(value, str):
        return http_request.replace_invalid_utf8(value)
    if isinstance(value, dict):
        return {_replace_invalid_utf8(key): _replace_invalid_utf8(item) for key, item in value.items()}
    return [_replace_invalid_utf8(item) for item in value] if isinstance(value, list) else value


def _format_json(document: JsonObject) -> bytes:
    return go_json.dumps({name: document[name] for name in _ORDER if name in document}) + b"\n"


def _format_legacy(document: JsonObject) -> bytes:
    user, other = document["user"], document.get("impersonatedUser")
    groups = _format_list(user["groups"]) if user.get("username") and user.get("groups") else "<none>"
    as_groups = "<lookup>" if other is None or "groups" not in other else _format_list(other["groups"])
    response = document.get("responseStatus")
    values = {
        "id": document["auditID"],
        "stage": document["stage"],
        "ip": (document.get("sourceIPs") or ["<unknown>"])[0],
        "method": document["verb"],
        "user": user.get("username") or "<none>",
        "groups": groups,
        "as": other.get("username", "") if other else "<self>",
        "asgroups": as_groups,
        "user-agent": document.get("userAgent", ""),
        "namespace": (document.get("objectRef") or {}).get("namespace") or "<none>",
        "uri": document["requestURI"],
        "response": str(response["code"]) if response else "<deferred>",
    }
    told = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    # Go's RFC3339Nano has no trailing zeros.
    moment = document["requestReceivedTimestamp"].removesuffix("Z").rstrip("0").rstrip(".") + "Z"
    return f"{moment} AUDIT: {told}\n".encode()


def _format_list(values: list[str]) -> str:
    return ",".join(json.dumps(value, ensure_ascii=False) for value in values)


def build_document(
    recording: RecordingRule,
    *,
    audit_id: str,
    uri: str,
    verb: str,
    user: UserInfo | None,
    addresses: list[str],
    user_agent: str,
    info: RequestInfo,
) -> JsonObject:
    """Return the fields of an event that are known before the request is handled."""
    document: JsonObject = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": LEVEL_NAMES[recording.level],
        "auditID": audit_id,
        "requestURI": uri,
        "verb": verb,
        "user": {} if user is None else user.to_document(),
        "sourceIPs": addresses,
    }
    if user_agent:
        document["userAgent"] = user_agent
    if info.is_resource_request:
        reference = {
            "resource": info.resource,
            "namespace": info.namespace,
            "name": info.name,
            "apiGroup": info.api_group,
            "apiVersion": info.api_version,
            "subresource": info.subresource,
        }
        document["objectRef"] = {name: value for name, value in reference.items() if value}
    document["requestReceivedTimestamp"] = format_micro_time(datetime.now(UTC))
    return document
