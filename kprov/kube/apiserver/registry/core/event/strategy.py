"""Events: one storage for core/v1 and events.k8s.io/v1; the latter takes new-style events only.

Source: upstream pkg/registry/core/event/strategy.go, pkg/apis/core/validation/events.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic import metadata_update
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_GROUP: Final = "events.k8s.io"
_SHORT, _LONG = 128, 1024
_MISMATCH: Final = "does not match event.namespace"
_MICRO: Final = len("2006-01-02T15:04:05.000000")
#: Fields that no update by events.k8s.io may change: (name in v1, name in the error), in upstream's order.
_FIXED: Final = tuple(
    (name, shown)
    for name, shown in (
        *(("involvedObject", "involvedObject"), ("reason", "reason"), ("message", "message")),
        *(("source", "source"), ("firstTimestamp", "firstTimestamp"), ("lastTimestamp", "lastTimestamp")),
        *(("count", "count"), ("reason", "reason"), ("type", "type"), ("eventTime", "eventTime")),
        *(("action", "action"), ("related", "related"), ("reportingComponent", "reportingController")),
        ("reportingInstance", "reportingInstance"),
    )
)


class EventStrategy(ResourceStrategy):
    """The rules depend on the API group of the request, so prepare_for_* check those of events.k8s.io."""

    check_name = staticmethod(names.is_path_segment_name)
    expires = True
    any_finalizer_updates = frozenset({""})
    allow_create_on_update = True

    collects_garbage = False
    is_paged_at_any_version = True

    def default(self, obj: JsonObject) -> None:
        """Both versions always show these fields, and some client libraries need them."""
        for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(name, None)
        for name in ("reportingComponent", "reportingInstance"):
            obj.setdefault(name, "")
        obj.setdefault("source", {})

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        if context.info.api_group == _GROUP:
            self._refuse(
                obj,
                _validate_legacy_event(obj, is_new=True) + _validate_series(obj) + _validate_new_event(obj),
            )

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        if context.info.api_group == _GROUP:
            errors = metadata_update.validate(self, obj, old) + _validate_legacy_event(obj, is_new=True)
            errors += metadata_update.validate_change(obj, old)
            if obj.get("series") != old.get("series"):
                errors += _validate_series(obj)
            self._refuse(obj, errors + _validate_fixed_fields(obj, old))

    def _refuse(self, obj: JsonObject, errors: list[FieldError]) -> None:
        if errors:
            raise status.invalid(self.resource.group, "Event", obj["metadata"].get("name", ""), errors)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return _validate_legacy_event(obj, is_new=False)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return _validate_legacy_event(obj, is_new=False)

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        involved, source = obj.get("involvedObject") or {}, obj.get("source") or {}
        reporter = obj.get("reportingComponent", "")
        parts = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        return {f"involvedObject.{part}": involved.get(part, "") for part in parts} | {
            "reason": obj.get("reason", ""),
            "reportingComponent": reporter,
            "source": source.get("component") or reporter,
            "type": obj.get("type", ""),
        }


def _validate_legacy_event(obj: JsonObject, *, is_new: bool) -> list[FieldError]:
    """Field rules of events of both API groups."""
    namespace = obj["metadata"].get("namespace", "")
    involved = (obj.get("involvedObject") or {}).get("namespace", "")
    mismatch = field.invalid("involvedObject.namespace", involved, _MISMATCH)
    if not obj.get("eventTime"):
        wanted = {"", "default"} if not involved else {involved}
        return [] if namespace in wanted else [mismatch]
    errors = [mismatch] if not involved and namespace not in {"default", "kube-system"} else []
    path = "reportingController" if is_new else "reportingComponent"
    reporter = obj.get("reportingComponent", "")
    if not reporter:
        errors.append(field.required(path))
    errors += [field.invalid(path, reporter, text) for text in names.is_qualified_name(reporter)]
    for name, limit in (("reportingInstance", _SHORT), ("action", _SHORT), ("reason", _SHORT)):
        text = obj.get(name, "")
        if not text:
            errors.append(field.required(name))
        if len(text.encode()) > limit:
            errors.append(field.invalid(name, "", f"can have at most {limit} characters"))
    if len(obj.get("message", "").encode()) > _LONG:
        errors.append(field.invalid("message", "", f"can have at most {_LONG} characters"))
    return errors


def _validate_series(obj: JsonObject) -> list[FieldError]:
    series = obj.get("series")
    if series is None:
        return []
    errors = []
    if (series.get("count") or 0) < 2:
        errors.append(field.invalid("series.count", "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        errors.append(field.required("series.lastObservedTime"))
    return errors


def _validate_new_event(obj: JsonObject) -> list[FieldError]:
    """Field rules of new events of events.k8s.io."""
    errors = []
    if not obj.get("eventTime"):
        errors.append(field.required("eventTime"))
    kind = obj.get("type", "")
    if kind not in {"Normal", "Warning"}:
        errors.append(field.invalid("type", "", f"has invalid value: {kind}"))
    source = obj.get("source") or {}
    for name, is_set in (
        ("firstTimestamp", obj.get("firstTimestamp")),
        ("lastTimestamp", obj.get("lastTimestamp")),
        ("count", obj.get("count")),
        ("source", source.get("component") or source.get("host")),
    ):
        if is_set:
            errors.append(field.invalid(name, "", "needs to be unset"))
    return errors


def _validate_fixed_fields(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    errors = []
    for name, shown in _FIXED:
        new, before = obj.get(name), old.get(name)
        if name == "eventTime" and new and before and new[:_MICRO] == before[:_MICRO]:
            continue
        if (new or None) != (before or None):
            value = "" if new is None and isinstance(before, str) and not name.endswith("Time") else new
            errors.append(field.invalid(shown, value, "field is immutable"))
    return errors
