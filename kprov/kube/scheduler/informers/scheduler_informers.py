"""The informers of the scheduler, and what plugins read from them."""

from __future__ import annotations

from kprov.kube.api.apps import ReplicaSet, StatefulSet
from kprov.kube.api.core import Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.api.storage import StorageClass, VolumeAttachment
from kprov.kube.client.factory import InformerFactory
from kprov.kube.component_helpers.pod_resource_claims import GROUP, find_owning_pod
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.devices.allocated import ClaimStore
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.state.pod_info import to_label_selector
from kprov.kube.scheduler.volumes.limits import NODE_INDEX, NodeVolumes, index_by_node
from kprov.kube.scheduler.volumes.listers import CLASS_INDEX, VolumeListers, index_by_class

#: Finished pods use no resources.
_PODS = "status.phase!=Succeeded,status.phase!=Failed"

_OWNER_INDEX = "owning-pod"


class SchedulerInformers:
    """The informers of the scheduler. Plugins get selectors, `volumes` and `devices` from them."""

    def __init__(self, informers: InformerFactory) -> None:
        self.nodes = informers.informer("", "v1", "nodes", Node)
        self.pods = informers.informer("", "v1", "pods", Pod, field_selector=_PODS)
        self.namespaces = informers.informer("", "v1", "namespaces", Namespace)
        self.services = informers.informer("", "v1", "services", Service)
        self.replica_sets = informers.informer("apps", "v1", "replicasets", ReplicaSet)
        self.stateful_sets = informers.informer("apps", "v1", "statefulsets", StatefulSet)
        self.budgets = informers.informer("policy", "v1", "poddisruptionbudgets", PodDisruptionBudget)
        self.claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self.persistent_volumes = informers.informer(
            "", "v1", "persistentvolumes", PersistentVolume, indexers={CLASS_INDEX: index_by_class}
        )
        self.classes = informers.informer("storage.k8s.io", "v1", "storageclasses", StorageClass)
        self.resource_claims = informers.informer(
            GROUP, "v1", "resourceclaims", indexers={_OWNER_INDEX: _index_by_owning_pod}
        )
        self.resource_slices = informers.informer(GROUP, "v1", "resourceslices")
        self.device_classes = informers.informer(GROUP, "v1", "deviceclasses")
        self.devices = DeviceListers(
            claims=ClaimStore(self.resource_claims.get),
            get_class=lambda name: self.device_classes.get(None, name),
            list_owned=lambda uid: self.resource_claims.by_index(_OWNER_INDEX, uid),
        )
        self.volumes = VolumeListers(
            get_claim=self.claims.get,
            get_volume=lambda name: self.persistent_volumes.get(None, name),
            get_class=lambda name: self.classes.get(None, name),
            list_volumes=lambda name: self.persistent_volumes.by_index(CLASS_INDEX, name),
            has_pod=self._has_pod,
        )
        self.csi_nodes = informers.informer("storage.k8s.io", "v1", "csinodes")
        self.attachments = informers.informer(
            "storage.k8s.io",
            "v1",
            "volumeattachments",
            VolumeAttachment,
            indexers={NODE_INDEX: index_by_node},
        )
        self.node_volumes = NodeVolumes(
            self.volumes,
            get_csi_node=lambda name: self.csi_nodes.get(None, name),
            list_attachments=lambda node: self.attachments.by_index(NODE_INDEX, node),
        )

    def _has_pod(self, pod: Pod) -> bool:
        cached = self.pods.get(pod.metadata.namespace, pod.metadata.name)
        return cached is not None and cached.metadata.uid == pod.metadata.uid

    def get_default_selector(self, pod: Pod) -> LabelSelector | None:
        """Return a selector of the pods that belong together with this one.

        It joins the selectors of the pod's services and of its owner. It is None if there are none.
        """
        parts: list[str] = []
        for service in self.services.list(pod.metadata.namespace):
            selector = service.spec.selector
            if selector and all(pod.metadata.labels.get(key) == value for key, value in selector.items()):
                parts.append(str(LabelSelector.from_labels(selector)))
        owner = pod.metadata.controller()
        workload: ReplicaSet | StatefulSet | None = None
        if owner is not None and owner.kind == "ReplicaSet":
            workload = self.replica_sets.get(pod.metadata.namespace, owner.name)
        elif owner is not None and owner.kind == "StatefulSet":
            workload = self.stateful_sets.get(pod.metadata.namespace, owner.name)
        if workload is not None:
            parts.append(str(to_label_selector(workload.spec.selector)))
        return LabelSelector.parse(",".join(part for part in parts if part)) if any(parts) else None


def _index_by_owning_pod(claim: JsonObject) -> list[str]:
    owner = find_owning_pod(claim)
    return [owner[1]] if owner is not None else []
