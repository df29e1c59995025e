"""events.k8s.io/v1 Event and core/v1 Event: the same fields under other names.

Source: upstream pkg/apis/events/v1/conversion.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject

#: Field name in events.k8s.io/v1, field name in core/v1.
_NAMES: Final = (
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)
_REPORTER: Final = {"reportingComponent", "reportingInstance"}
_TO_CORE: Final = dict(_NAMES)
_TO_EVENTS: Final = {core: events for events, core in _NAMES}


def to_core(obj: JsonObject) -> JsonObject:
    """Convert to core/v1."""
    return {_TO_CORE.get(name, name): value for name, value in obj.items()} | {
        "kind": "Event",
        "apiVersion": "v1",
    }


def to_events(obj: JsonObject) -> JsonObject:
    """Convert to events.k8s.io/v1, which omits fields that core/v1 writes empty."""
    return {
        _TO_EVENTS.get(name, name): value for name, value in obj.items() if value or name not in _REPORTER
    } | {"kind": "Event", "apiVersion": "events.k8s.io/v1"}
