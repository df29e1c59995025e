"""What the scheduler knows of claims, classes and slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.allocated import ClaimStore
from kprov.kube.scheduler.devices.extended_resources import ExtendedResources
from kprov.kube.scheduler.devices.slices import SliceStore


@dataclass(slots=True)
class DeviceListers:
    """Informers fill `claims`, `slices` and `extended`. Classes are found by name."""

    claims: ClaimStore = field(default_factory=lambda: ClaimStore(lambda _namespace, _name: None))
    slices: SliceStore = field(default_factory=SliceStore)
    get_class: Callable[[str], JsonObject | None] = lambda _: None
    extended: ExtendedResources = field(default_factory=ExtendedResources)
    #: Claims that a pod owns, by its UID.
    list_owned: Callable[[str], Iterable[JsonObject]] = lambda _: ()
