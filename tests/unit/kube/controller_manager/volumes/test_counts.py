"""Gauges of volumes and claims follow the informers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from kprov.kube.api.core import PersistentVolume
from kprov.kube.controller_manager.volumes.counts import get_plugin
from kprov.kube.machinery.json_object import JsonObject


@pytest.mark.parametrize(
    ("spec", "plugin"),
    [
        ({"csi": {"driver": "disk.example.com"}}, "kubernetes.io/csi:disk.example.com"),
        ({"hostPath": {"path": "/x"}}, "kubernetes.io/host-path"),
        ({"local": {"path": "/x"}}, "kubernetes.io/local-volume"),
        ({"other": {}}, "N/A"),
    ],
)
def test_a_volume_counts_for_its_plugin(spec: JsonObject, plugin: str) -> None:
    assert get_plugin(PersistentVolume(spec=spec)) == plugin


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the handlers of informers have set a gauge. They tell nobody."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_claim_moves_between_the_gauges_when_it_is_bound(api: Any, start: Any) -> None:
    labels = {"namespace": "counted", "storage_class": "gold", "volume_attributes_class": ""}

    def get(state: str, kind: str = "pvc") -> float | None:
        wanted = labels if kind == "pvc" else {"storage_class": "gold"}
        return REGISTRY.get_sample_value(f"pv_collector_{state}_{kind}_count", wanted)

    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": "gold"}
    spec = {**common, "resources": {"requests": {"storage": "1Gi"}}}
    await start("persistentvolume-binder-controller", flags=("--pvclaimbinder-sync-period=100ms",))
    for name in ("a", "b"):
        body = {"metadata": {"name": name}, "spec": spec, "status": {}}
        await api.create("persistentvolumeclaims", body, "counted")
    await until(lambda: get("unbound") == 2)
    assert get("bound") is None
    volume = {**common, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}
    await api.create("persistentvolumes", {"metadata": {"name": "v"}, "spec": volume, "status": {}})
    await until(lambda: get("bound") == 1 and get("unbound") == 1)
    await until(lambda: get("bound", "pv") == 1 and get("unbound", "pv") is None)
