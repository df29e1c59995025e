"""Which served versions are converted, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.machinery.conversion import autoscaling, events
from kprov.kube.machinery.resources import Resource, find, storage_version

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversion:
    """From and to the stored version. Both keep metadata; kind and apiVersion are set by them."""

    to_stored: Callable[[Object], Object]
    to_served: Callable[[Object], Object]


_CONVERSIONS: Final = {
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): Conversion(autoscaling.to_v2, autoscaling.to_v1),
    ("events.k8s.io", "v1", "Event"): Conversion(events.to_core, events.to_events),
}


def conversion(resource: Resource) -> Conversion | None:
    """How objects of a served version are converted; None: they are stored as they are."""
    return _CONVERSIONS.get(resource.gvk)


def stored(resource: Resource) -> Resource:
    """The resource whose store has the objects; itself for nearly all."""
    group, version = storage_version(resource)
    return find(group, version, resource.plural) or resource
