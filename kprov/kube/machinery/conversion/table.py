"""Which served versions are converted, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from kprov.kube.machinery.conversion import autoscaling, events
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, find, list_resources, storage_version

Gvk = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Functions to and from the stored version. Both keep metadata and set kind and apiVersion."""

    stored: Gvk
    to_stored: Callable[[JsonObject], JsonObject]
    to_served: Callable[[JsonObject], JsonObject]


_CONVERSIONS: Final = {
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): Conversion(
        ("autoscaling", "v2", "HorizontalPodAutoscaler"), autoscaling.to_v2, autoscaling.to_v1
    ),
    ("events.k8s.io", "v1", "Event"): Conversion(("", "v1", "Event"), events.to_core, events.to_events),
}


def find_conversion(resource: Resource) -> Conversion | None:
    """Return the conversion of a served version. None if its objects are stored unchanged."""
    return _CONVERSIONS.get(resource.gvk)


def is_convertible(gvk: Gvk, other: Gvk) -> bool:
    """Whether both are versions of one kind. They may be equal."""
    return gvk == other or _storage_version(gvk) == _storage_version(other)


def convert(obj: JsonObject, gvk: Gvk, other: Gvk) -> JsonObject:
    """Convert to another version of the kind (see is_convertible). Does not change `obj`."""
    here, there = _CONVERSIONS.get(gvk), _CONVERSIONS.get(other)
    stored_form = here.to_stored(obj) if here is not None else obj
    result = there.to_served(stored_form) if there is not None else stored_form
    copy: JsonObject = orjson.loads(orjson.dumps(result))
    return copy


def _storage_version(gvk: Gvk) -> Gvk:
    """Return the version in which a kind is stored."""
    held = _CONVERSIONS.get(gvk)
    return gvk if held is None else held.stored


def other_versions(resource: Resource) -> list[Resource]:
    """Return the other versions in which a stored resource is served."""
    return [
        other
        for other in list_resources()
        if other.gvk in _CONVERSIONS and _CONVERSIONS[other.gvk].stored == resource.gvk
    ]


def stored_resource(resource: Resource) -> Resource:
    """Return the resource under which the objects are stored: for most resources the same one."""
    group, version = storage_version(resource)
    return find(group, version, resource.plural) or resource
