"""Claims, volumes and classes for tests of decisions."""

from __future__ import annotations

from typing import Any

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.storage import StorageClass
from kprov.kube.scheduler.volumes.listers import VolumeListers
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab

BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


class Volumes:
    """What the API has of claims, volumes and classes."""

    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], PersistentVolumeClaim] = {}
        self.volumes: dict[str, PersistentVolume] = {}
        self.classes: dict[str, StorageClass] = {}

    def get_listers(self) -> VolumeListers:
        return VolumeListers(
            get_claim=lambda namespace, name: self.claims.get((namespace, name)),
            get_volume=self.volumes.get,
            get_class=self.classes.get,
            list_volumes=lambda name: [
                each for each in self.volumes.values() if each.spec.get("storageClassName", "") == name
            ],
            has_pod=lambda _: True,
        )

    def add_claim(
        self, name: str, *, size: str = "1Gi", meta: dict[str, Any] | None = None, **spec: Any
    ) -> None:
        document = {
            "metadata": {"name": name, "namespace": "ns", "uid": f"{name}-uid"} | (meta or {}),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}} | spec,
            "status": {"phase": "Pending"},
        }
        self.claims["ns", name] = convert(document, PersistentVolumeClaim)

    def add_volume(self, name: str, *nodes: str, size: str = "1Gi", labels: Any = None, **spec: Any) -> None:
        """`nodes`: where it can be reached, everywhere without any."""
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
        required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
        affinity = {"nodeAffinity": {"required": required}} if nodes else {}
        document = {
            "metadata": {"name": name, "uid": f"{name}-uid", "labels": labels or {}},
            "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"]} | affinity | spec,
            "status": {"phase": "Available"},
        }
        self.volumes[name] = convert(document, PersistentVolume)

    def add_class(self, name: str, *, provisioner: str = "example.com/disks", **fields: Any) -> None:
        document = {"metadata": {"name": name}, "provisioner": provisioner} | fields
        self.classes[name] = convert({"volumeBindingMode": "WaitForFirstConsumer"} | document, StorageClass)


def user(*claims: str, name: str = "p") -> Pod:
    volumes = [{"name": f"v{n}", "persistentVolumeClaim": {"claimName": c}} for n, c in enumerate(claims)]
    return view_pod(name, volumes=volumes)


def explain(lab: Lab, p: Pod) -> str:
    decision = lab.schedule_pod(p)
    assert not decision.node
    return decision.diagnosis.message
