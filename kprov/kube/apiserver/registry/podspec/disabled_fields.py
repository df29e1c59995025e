"""Fields of pod specs whose feature gates are off by default.

Source: upstream pkg/api/pod/util.go (dropDisabledFields).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.machinery.json_object import JsonObject

_PROJECTIONS: Final = ("clusterTrustBundle", "podCertificate")
_STOP_SIGNAL: Final = "stopSignal"


def drop_disabled_fields(spec: JsonObject, before: JsonObject | None = None) -> None:
    """Drop fields of disabled features from a spec in place, unless the stored spec (`before`) has them."""
    before = before or {}
    if before.get("schedulingGroup") is None:
        spec.pop("schedulingGroup", None)
    for name in _PROJECTIONS:
        if not any(source.get(name) is not None for source in _list_projected_sources(before)):
            for source in _list_projected_sources(spec):
                source.pop(name, None)
    if not any(
        (old_container.get("lifecycle") or {}).get(_STOP_SIGNAL)
        for old_container in podspec_defaults.list_containers(before)
    ):
        for container in podspec_defaults.list_containers(spec):
            _drop_stop_signal(container)


def _list_projected_sources(spec: JsonObject) -> Iterator[JsonObject]:
    for volume in spec.get("volumes") or ():
        yield from (volume.get("projected") or {}).get("sources") or ()


def _drop_stop_signal(container: JsonObject) -> None:
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.pop(_STOP_SIGNAL, None) is not None and not lifecycle:
        del container["lifecycle"]
