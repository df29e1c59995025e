"""Which served versions are converted, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from kprov.kube.machinery.conversion import autoscaling, events
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import RESOURCES, Resource, find, storage_version

Gvk = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Conversion:
    """From and to the stored version. Both keep metadata; kind and apiVersion are set by them."""

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
    """How objects of a served version are converted; None: they are stored as they are."""
    return _CONVERSIONS.get(resource.gvk)


def is_convertible(gvk: Gvk, other: Gvk) -> bool:
    """Whether both are versions of one kind; they may be the same."""
    return gvk == other or _storage_version(gvk) == _storage_version(other)


def convert(obj: JsonObject, gvk: Gvk, other: Gvk) -> JsonObject:
    """From one version of a kind to another that is_convertible; `obj` stays as it is."""
    here, there = _CONVERSIONS.get(gvk), _CONVERSIONS.get(other)
    stored_form = here.to_stored(obj) if here is not None else obj
    result = there.to_served(stored_form) if there is not None else stored_form
    copy: JsonObject = orjson.loads(orjson.dumps(result))
    return copy


def _storage_version(gvk: Gvk) -> Gvk:
    """The version that a kind is stored in."""
    held = _CONVERSIONS.get(gvk)
    return gvk if held is None else held.stored


def other_versions(resource: Resource) -> list[Resource]:
    """What a stored resource is served as in other versions."""
    return [
        found
        for found in RESOURCES
        if found.gvk in _CONVERSIONS and _CONVERSIONS[found.gvk].stored == resource.gvk
    ]


def stored_resource(resource: Resource) -> Resource:
    """The resource whose store has the objects; itself for nearly all."""
    group, version = storage_version(resource)
    return find(group, version, resource.plural) or resource
