"""Create and complete the audit events of requests; the request chain calls it.

Source: apiserver/pkg/endpoints/filters/{audit,audit_init,authn_audit}.go and server/options/audit.go.
"""

from __future__ import annotations

import gzip
import logging
from argparse import Namespace
from collections.abc import Callable
from typing import Any, Final

import orjson

from kprov.kube.apiserver.audit import event as events
from kprov.kube.apiserver.audit import log as logs
from kprov.kube.apiserver.audit import policy as policies
from kprov.kube.apiserver.audit.event import AuditEvent
from kprov.kube.apiserver.audit.policy import Level, Policy
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.apiserver.request import RequestInfo, UserInfo, body
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.component_base import metrics
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, api_version

log = logging.getLogger(__name__)

_MODES: Final = ("batch", "blocking", "blocking-strict")
_FORMATS: Final = ("json", "legacy")
_ID_LENGTH: Final = 64
_AGENT_LENGTH: Final = 1024

_EVENTS: Final = metrics.counter(
    "apiserver_audit_event_total", "Counter of audit events generated and sent to the audit backend."
)
_ERRORS: Final = metrics.counter(
    "apiserver_audit_error_total",
    "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by "
    "the error.",
    ["plugin"],
)
_LEVELS: Final = metrics.counter(
    "apiserver_audit_level_total", "Counter of policy levels for audit events (1 per request).", ["level"]
)
_REJECTED: Final = metrics.counter(
    "apiserver_audit_requests_rejected_total",
    "Counter of apiserver requests rejected due to an error in audit logging backend.",
)


#: Adds the defaults of (group, version, plural) to an object. Wrong objects raise TypeError and the like.
FillDefaults = Callable[[str, str, str, JsonObject], None]
#: From (group, version, plural) to the served resource, None if there is none.
FindResource = Callable[[str, str, str], Resource | None]


def build(options: Namespace, fill_defaults: FillDefaults, find_resource: FindResource) -> Auditor | None:
    """Build the auditor of the flags --audit-*; None without a policy or a log. Raise ConfigError, OSError.

    find_resource: from (group, version, plural) to what the server serves.
    """
    if options.audit_webhook_config_file:
        raise ConfigError(
            "--audit-webhook-config-file: audit webhooks are not supported; "
            "use --audit-log-path and ship the file"
        )
    if options.audit_log_version != "audit.k8s.io/v1":
        version = options.audit_log_version
        raise ConfigError(f"--audit-log-version: {version}: only audit.k8s.io/v1 is written")
    for flag, value, known in (
        ("mode", options.audit_log_mode, _MODES),
        ("format", options.audit_log_format, _FORMATS),
    ):
        if value not in known:
            raise ConfigError(
                f"--audit-log-{flag}: invalid audit log {flag} {value}, allowed are {', '.join(known)}"
            )
    for flag in ("maxage", "maxbackup", "maxsize"):
        number = getattr(options, f"audit_log_{flag}")
        if number < 0:
            raise ConfigError(f"--audit-log-{flag} {number} can't be a negative number")
    if not options.audit_policy_file:
        return None
    policy = policies.load(options.audit_policy_file)
    if not options.audit_log_path:
        return None
    return Auditor(policy, _build_sink(options), fill_defaults, find_resource, options)


def _build_sink(options: Namespace) -> logs.Sink:
    sink: logs.Sink
    if options.audit_log_path == "-":
        sink = logs.StandardOutput()
    else:
        sink = logs.RotatingFile(
            options.audit_log_path,
            megabytes=options.audit_log_maxsize,
            backups=options.audit_log_maxbackup,
            days=options.audit_log_maxage,
            compress=options.audit_log_compress,
        )
    if options.audit_log_mode != "batch":
        return sink
    return logs.BatchingSink(
        sink,
        room=options.audit_log_batch_buffer_size,
        size=options.audit_log_batch_max_size,
        seconds=options.audit_log_batch_max_wait,
        dropped=_ERRORS.labels("log").inc,
    )


class Auditor:
    """Writes the events that the policy selects to one sink."""

    def __init__(
        self,
        policy: Policy,
        sink: logs.Sink,
        fill_defaults: FillDefaults,
        find_resource: FindResource,
        options: Namespace,
    ) -> None:
        self._policy = policy
        self._sink = sink
        self._add_defaults = fill_defaults
        self._find_resource = find_resource
        self._legacy = options.audit_log_format == "legacy"
        self._strict = options.audit_log_mode == "blocking-strict"
        self._levels = {level: _LEVELS.labels(name) for name, level in policies.LEVELS.items()}
        self._failures = 0

    def begin(self, request: Request, info: RequestInfo, user: UserInfo | None) -> AuditEvent | None:
        """Create the event and write stage RequestReceived; None if the policy does not record the request.

        Raise StatusError 500 in mode blocking-strict if the event cannot be written.
        """
        recording = self._policy.find_rule(user, info)
        self._levels[recording.level].inc()
        if recording.level is Level.NONE:
            return None
        agent = request.headers.get("User-Agent", "")
        if len(agent) > _AGENT_LENGTH:
            agent = agent[:_AGENT_LENGTH] + "...TRUNCATED"
        document = events.build_document(
            recording,
            audit_id=request.audit_id[:_ID_LENGTH],
            uri=request.target,
            verb=info.verb,
            user=user,
            addresses=list_addresses(request),
            user_agent=agent,
            info=info,
        )
        event = AuditEvent(recording, info, document, self._write, legacy=self._legacy)
        before = self._failures
        if user is not None:
            event.write_request_received()
        if self._strict and self._failures != before:
            _REJECTED.inc()
            raise status.internal_error("failed to store audit event")
        return event

    def record_rejection(self, request: Request, info: RequestInfo, error: status.StatusError) -> None:
        """Write the event of a request with wrong credentials."""
        event = self.begin(request, info, None)
        if event is not None:
            event.response_status = {"metadata": {}} | {
                name: error.status[name] for name in ("status", "message", "reason") if error.status.get(name)
            }
            if event.level >= Level.REQUEST_RESPONSE:
                event.set_response_object(error.status)
            event.write_response_started(error.code)

    def end(self, request: Request, response: BaseResponse | None) -> None:
        """Write the event's last stages. response None: the client left before there was one."""
        event, is_long = request.audit, request.is_long
        assert isinstance(event, AuditEvent)
        if event.level >= Level.METADATA and event.body:
            self._record_request(event)
        if response is None:
            event.response_status = {
                "metadata": {},
                "status": "Success",
                "message": "Connection closed early",
                "code": 200,
            }
            if is_long:
                event.write_response_started(200)
        elif event.response_status is None or not is_long:
            event.response_status = {"metadata": {}, "code": response.status}
            self._record_response(event, response)
            if is_long:
                event.write_response_started(response.status)
        event.write_response_complete()

    def close(self) -> None:
        self._sink.close()

    def _write(self, line: bytes) -> None:
        _EVENTS.inc()
        try:
            self._sink.write(line)
        except OSError as error:
            self._failures += 1
            _ERRORS.labels("log").inc()
            log.error("an audit event was not written: %s", error)  # noqa: TRY400  the message is enough

    def _record_request(self, event: AuditEvent) -> None:
        info = event.info
        if info.verb == "patch":
            if event.level >= Level.REQUEST:
                event.set_request_object(_decode_patch(event.body, event.content_type))
            return
        try:
            obj = body.decode(event.body, event.content_type)
        except status.StatusError:
            return
        if not isinstance(obj, dict):
            return
        meta = obj.get("metadata")
        if isinstance(meta, dict):
            event.fill_object_ref(
                **{
                    name: str(meta.get(name) or "")
                    for name in ("namespace", "name", "uid", "resourceVersion")
                }
            )
        if event.level >= Level.REQUEST:
            if info.verb in {"create", "update"}:
                self._fill_type_meta(info, obj)
                if not info.subresource:
                    self._fill_defaults(info, obj)
            elif info.verb in {"delete", "deletecollection"}:
                obj = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/__internal"} | {
                    name: value for name, value in obj.items() if name not in {"kind", "apiVersion"}
                }
            event.set_request_object(
                _remove_managed_fields(obj) if event.recording.omit_managed_fields else obj
            )

    def _fill_type_meta(self, info: RequestInfo, obj: JsonObject) -> None:
        """Add kind and apiVersion of the path if the object lacks them."""
        resource = self._find_resource(info.api_group, info.api_version, info.resource)
        named = resource.subresource(info.subresource) if resource and info.subresource else resource
        if named is not None and named.kind:
            obj.setdefault("kind", named.kind)
            obj.setdefault("apiVersion", api_version(named.group, named.version))
            obj.setdefault("metadata", {})

    def _fill_defaults(self, info: RequestInfo, obj: JsonObject) -> None:
        """Add the defaults of the object's version, as upstream's decoding does."""
        try:
            self._add_defaults(info.api_group, info.api_version, info.resource, obj)
        except (TypeError, AttributeError, KeyError, ValueError):
            # The server rejects this object: record it as it came.
            log.debug("a refused object is recorded as it came")

    def _record_response(self, event: AuditEvent, response: BaseResponse) -> None:
        if not isinstance(response, Response):
            return
        is_error = response.status >= 400
        wants_all = event.records_response
        data = response.body
        is_status = is_error or b'"kind":"Status"' in data[:64]
        if not wants_all and not is_status:
            return
        if response.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        if response.content_type == "application/json":
            obj: Any = None
            # An event is one line, so line feeds of the response must not get into it.
            data = data.rstrip(b"\n")
            if is_status or event.recording.omit_managed_fields or b"\n" in data:
                obj = orjson.loads(data)
            shown: Any = orjson.Fragment(data) if obj is None else obj
        elif "yaml" in response.content_type:
            obj = shown = body.from_yaml(data)
        else:
            return
        if isinstance(obj, dict) and obj.get("kind") == "Status":
            names = ("status", "message", "reason", "details")
            event.response_status = {
                "metadata": {},
                **{name: obj[name] for name in names if obj.get(name) or obj.get(name) == {}},
                "code": obj.get("code") or response.status,
            }
        if wants_all:
            event.set_response_object(
                _remove_managed_fields(shown) if event.recording.omit_managed_fields else shown
            )


def list_addresses(request: Request) -> list[str]:
    """Return the source addresses: those in headers of proxies, then the peer."""
    addresses = [
        part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()
    ]
    for more in (request.headers.get("X-Real-Ip", ""), request.remote or ""):
        if more and (not addresses or addresses[-1] != more):
            addresses.append(more)
    return addresses


def _decode_patch(data: bytes, content_type: str) -> Any:
    if "yaml" in content_type or "cbor" in content_type:
        try:
            return body.from_yaml(data)
        except status.StatusError:
            return data.decode("utf-8", "replace")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode("utf-8", "replace")


def _remove_managed_fields(obj: Any) -> Any:
    """Remove managedFields of an object, of items of a list and of rows of a table."""
    if not isinstance(obj, dict):
        return obj
    result = dict(obj)
    for name in ("items", "rows"):
        if isinstance(obj.get(name), list):
            result[name] = [_remove_managed_fields(item) for item in obj[name]]
    if isinstance(obj.get("object"), dict):
        result["object"] = _remove_managed_fields(obj["object"])
    meta = obj.get("metadata")
    if isinstance(meta, dict) and "managedFields" in meta:
        result["metadata"] = {name: value for name, value in meta.items() if name != "managedFields"}
    return result
