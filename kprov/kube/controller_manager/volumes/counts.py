"""Metrics of volumes and claims, under upstream's names (persistentvolume/metrics)."""

from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.client import Informer
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.persistent_volumes import get_class
from kprov.kube.controller_manager.framework.object_counts import Labels, count_objects

RETROACTIVE_CLASSES: Final = metrics.counter(
    "retroactive_storageclass",
    "Total number of retroactive StorageClass assignments to persistent volume claim",
)
RETROACTIVE_CLASS_ERRORS: Final = metrics.counter(
    "retroactive_storageclass_errors",
    "Total number of failed retroactive StorageClass assignments to persistent volume claim",
)
_VOLUMES: Final = metrics.gauge(
    "pv_collector_total_pv_count",
    "Gauge measuring total number of persistent volumes",
    ["plugin_name", "volume_mode"],
)
_BOUND_VOLUMES: Final = metrics.gauge(
    "pv_collector_bound_pv_count",
    "Gauge measuring number of persistent volume currently bound",
    ["storage_class"],
)
_UNBOUND_VOLUMES: Final = metrics.gauge(
    "pv_collector_unbound_pv_count",
    "Gauge measuring number of persistent volume currently unbound",
    ["storage_class"],
)
_CLAIM_LABELS: Final = ("namespace", "storage_class", "volume_attributes_class")
_BOUND_CLAIMS: Final = metrics.gauge(
    "pv_collector_bound_pvc_count",
    "Gauge measuring number of persistent volume claim currently bound",
    _CLAIM_LABELS,
)
_UNBOUND_CLAIMS: Final = metrics.gauge(
    "pv_collector_unbound_pvc_count",
    "Gauge measuring number of persistent volume claim currently unbound",
    _CLAIM_LABELS,
)
#: Volume plugins by the field of their source. Drivers of CSI volumes count apart.
_PLUGINS: Final = {
    "csi": "kubernetes.io/csi",
    "fc": "kubernetes.io/fc",
    "hostPath": "kubernetes.io/host-path",
    "iscsi": "kubernetes.io/iscsi",
    "local": "kubernetes.io/local-volume",
    "nfs": "kubernetes.io/nfs",
}


def count_volumes(informer: Informer[PersistentVolume]) -> None:
    count_objects(informer, _VOLUMES, lambda volume: (get_plugin(volume), volume.spec.get("volumeMode", "")))
    count_objects(informer, _BOUND_VOLUMES, lambda volume: _label_volume(volume, is_bound=True))
    count_objects(informer, _UNBOUND_VOLUMES, lambda volume: _label_volume(volume, is_bound=False))


def count_claims(informer: Informer[PersistentVolumeClaim]) -> None:
    count_objects(informer, _BOUND_CLAIMS, lambda claim: _label_claim(claim, is_bound=True))
    count_objects(informer, _UNBOUND_CLAIMS, lambda claim: _label_claim(claim, is_bound=False))


def get_plugin(volume: PersistentVolume) -> str:
    """Return the name of the volume's plugin, with the driver of a CSI volume.

    N/A: nothing is known of it.
    """
    field = next((name for name in _PLUGINS if volume.spec.get(name)), None)
    if field is None:
        return "N/A"
    driver = volume.spec["csi"].get("driver", "") if field == "csi" else ""
    return f"{_PLUGINS[field]}:{driver}" if driver else _PLUGINS[field]


def _label_volume(volume: PersistentVolume, *, is_bound: bool) -> Labels | None:
    if (volume.status.get("phase") == "Bound") is not is_bound:
        return None
    return (volume.spec.get("storageClassName") or "",)


def _label_claim(claim: PersistentVolumeClaim, *, is_bound: bool) -> Labels | None:
    if (claim.status.get("phase") == "Bound") is not is_bound:
        return None
    attributes = claim.spec.get("volumeAttributesClassName") or ""
    return claim.metadata.namespace, get_class(claim), attributes
