"""Whether a change of a claim or a class may let a pod fit (queueing hints)."""

from __future__ import annotations

from kprov.kube.api.core import PersistentVolumeClaim
from kprov.kube.api.storage import StorageClass
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.scheduler.state.pod_info import PodInfo


def uses_claim(info: PodInfo, _: PersistentVolumeClaim | None, new: PersistentVolumeClaim) -> bool:
    """Whether the claim is one of the pod's."""
    return new.metadata.namespace == info.namespace and any(
        name == new.metadata.name for name, _ in list_claim_names(info.pod)
    )


def has_other_topologies(_: PodInfo, old: StorageClass | None, new: StorageClass) -> bool:
    """Whether the class is new or allows other topologies."""
    return old is None or old.allowed_topologies != new.allowed_topologies


def waits_for_consumer(_: PodInfo, _old: StorageClass | None, new: StorageClass) -> bool:
    """Whether the class binds claims for their first consumer."""
    return new.volume_binding_mode == "WaitForFirstConsumer"
