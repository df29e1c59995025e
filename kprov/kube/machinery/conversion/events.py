"""events.k8s.io/v1 Event and core/v1 Event: the same fields under other names.

Source: upstream pkg/apis/events/v1/conversion.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject

#: events.k8s.io's name, core's name.
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
    """As core/v1 has it."""
    return {_TO_CORE.get(name, name): value for name, value in obj.items()} | {
        "kind": "Event",
        "apiVersion": "v1",
    }


def to_events(obj: JsonObject) -> JsonObject:
    """As events.k8s.io/v1 has it, which leaves out what core/v1 shows empty."""
    return {
        _TO_EVENTS.get(name, name): value for name, value in obj.items() if value or name not in _REPORTER
    } | {"kind": "Event", "apiVersion": "events.k8s.io/v1"}
