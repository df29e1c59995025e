"""Warnings about deprecated node labels in node selectors.

Source: upstream pkg/api/node/util.go, pkg/api/persistentvolume/util.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import enumerate_items
from kprov.kube.machinery import names
from kprov.kube.machinery.json_object import JsonObject

DEPRECATED_LABELS: Final = {
    f"{old}{part}": f'deprecated since v1.{version}; use "{new}" instead'
    for old, part, version, new in (
        ("beta.kubernetes.io/", "arch", 14, "kubernetes.io/arch"),
        ("beta.kubernetes.io/", "os", 14, "kubernetes.io/os"),
        ("failure-domain.beta.kubernetes.io/", "region", 17, "topology.kubernetes.io/region"),
        ("failure-domain.beta.kubernetes.io/", "zone", 17, "topology.kubernetes.io/zone"),
        ("beta.kubernetes.io/", "instance-type", 17, "node.kubernetes.io/instance-type"),
    )
} | {
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": (
        "deprecated since v1.22; use Taints and Tolerations instead"
    ),
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
_ANNOTATIONS: Final = {
    "volume.beta.kubernetes.io/storage-class": (
        'deprecated since v1.8; use "storageClassName" attribute instead'
    ),
    "volume.beta.kubernetes.io/mount-options": 'deprecated since v1.31; use "mountOptions" attribute instead',
}
#: Deprecated volume sources: (field, name in the warning, text).
_SOURCES: Final = (
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
)


def find_term_warnings(selector_term: JsonObject, path: str, *, values: bool = False) -> Iterator[str]:
    """Warnings about a term or label selector. values: also warn about invalid label values."""
    for where, need in enumerate_items(selector_term.get("matchExpressions"), f"{path}.matchExpressions"):
        key = need.get("key", "")
        if key in DEPRECATED_LABELS:
            yield f"{where}.key: {key} is {DEPRECATED_LABELS[key]}"
        for place, value in enumerate_items(need.get("values") if values else (), f"{where}.values"):
            for text in names.is_label_value(value):
                yield f"{place}: {value} is invalid, {text}"


def find_node_topology_warnings(selector: JsonObject | None) -> Iterator[str]:
    """Warnings about nodeTopology of a CSIStorageCapacity."""
    yield from find_term_warnings(selector or {}, "nodeTopology")
    for key in (selector or {}).get("matchLabels") or ():
        if key in DEPRECATED_LABELS:
            yield f"nodeTopology.matchLabels.{key}: {DEPRECATED_LABELS[key]}"


def find_runtime_class_warnings(obj: JsonObject) -> Iterator[str]:
    for key in (obj.get("scheduling") or {}).get("nodeSelector") or ():
        if key in DEPRECATED_LABELS:
            yield f"scheduling.nodeSelector: {DEPRECATED_LABELS[key]}"


def find_persistent_volume_warnings(obj: JsonObject) -> Iterator[str]:
    """Warnings about a persistent volume."""
    spec = obj["spec"]
    for key, text in _ANNOTATIONS.items():
        if key in (obj["metadata"].get("annotations") or {}):
            yield f"metadata.annotations[{key}]: {text}"
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        yield (
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
            "recommended approach is to use dynamic provisioning."
        )
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    path = "spec.nodeAffinity.required.nodeSelectorTerms"
    for where, each_term in enumerate_items(required.get("nodeSelectorTerms"), path):
        yield from find_term_warnings(each_term, where)
    for name, shown, text in _SOURCES:
        if spec.get(name) is not None:
            yield f"spec.{shown}: {text}"
