"""What the scheduler knows of claims, classes and slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.allocated import ClaimStore
from kprov.kube.scheduler.devices.slices import SliceStore


@dataclass(slots=True)
class DeviceListers:
    """Informers fill ``claims`` and ``slices``. Classes are found by name."""

    claims: ClaimStore = field(default_factory=lambda: ClaimStore(lambda _namespace, _name: None))
    slices: SliceStore = field(default_factory=SliceStore)
    get_class: Callable[[str], JsonObject | None] = lambda _: None
