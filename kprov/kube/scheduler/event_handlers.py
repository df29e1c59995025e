"""Updates the scheduler's state and queue when informers report a change (upstream's eventhandlers.go)."""

from __future__ import annotations

from kprov.kube.api.apps import ReplicaSet, StatefulSet
from kprov.kube.api.core import Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.api.storage import StorageClass, VolumeAttachment
from kprov.kube.client.factory import InformerFactory
from kprov.kube.component_helpers.pod_resource_claims import GROUP
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler import pod_info
from kprov.kube.scheduler.devices.allocated import ClaimStore
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.scheduler import Scheduler
from kprov.kube.scheduler.volumes.limits import NODE_INDEX, NodeVolumes, index_by_node
from kprov.kube.scheduler.volumes.listers import CLASS_INDEX, VolumeListers, index_by_class

#: Finished pods use no resources.
_PODS = "status.phase!=Succeeded,status.phase!=Failed"


class SchedulerInformers:
    """The informers of the scheduler. Plugins get selectors, ``volumes`` and ``devices`` from them."""

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
        self.resource_claims = informers.informer(GROUP, "v1", "resourceclaims")
        self.resource_slices = informers.informer(GROUP, "v1", "resourceslices")
        self.device_classes = informers.informer(GROUP, "v1", "deviceclasses")
        self.devices = DeviceListers(
            claims=ClaimStore(self.resource_claims.get),
            get_class=lambda name: self.device_classes.get(None, name),
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
        """Selects the pods that are like this one: all selectors of its services and its owner, combined."""
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
            parts.append(str(pod_info.to_label_selector(workload.spec.selector)))
        return LabelSelector.parse(",".join(part for part in parts if part)) if any(parts) else None


def add_event_handlers(scheduler: Scheduler, informers: SchedulerInformers) -> None:
    """Call this once, before the informers run (addAllEventHandlers)."""
    handlers = _EventHandlers(scheduler)
    informers.nodes.add_handler(
        on_add=handlers.add_node, on_update=handlers.update_node, on_delete=handlers.delete_node
    )
    informers.pods.add_handler(
        on_add=handlers.add_pod, on_update=handlers.update_pod, on_delete=handlers.delete_pod
    )
    informers.namespaces.add_handler(
        on_add=handlers.add_namespace,
        on_update=lambda _, namespace: handlers.add_namespace(namespace),
        on_delete=handlers.delete_namespace,
    )
    _add_volume_handlers(scheduler, informers)
    _add_device_handlers(scheduler, informers)


def _add_volume_handlers(scheduler: Scheduler, informers: SchedulerInformers) -> None:
    """Wake the pods that wait for a claim: in the queue, or in PreBind."""
    changes = informers.volumes.changes

    def handle_claim(claim: PersistentVolumeClaim) -> None:
        scheduler.handle_change("pvc")
        changes.notify(claim.key)

    def handle_volume(volume: PersistentVolume) -> None:
        scheduler.handle_change("pv")
        changes.notify_volume(volume)

    informers.claims.add_handler(
        on_add=handle_claim,
        on_update=lambda _, claim: handle_claim(claim),
        on_delete=lambda claim: changes.notify(claim.key),
    )
    informers.persistent_volumes.add_handler(
        on_add=handle_volume,
        on_update=lambda _, volume: handle_volume(volume),
        on_delete=changes.notify_volume,
    )
    informers.classes.add_handler(
        on_add=lambda _: scheduler.handle_change("storageclass"),
        on_update=lambda _old, _new: scheduler.handle_change("storageclass"),
    )
    informers.csi_nodes.add_handler(
        on_add=lambda _: scheduler.handle_change("csinode"),
        on_update=lambda _old, _new: scheduler.handle_change("csinode"),
    )
    informers.attachments.add_handler(on_delete=lambda _: scheduler.handle_change("volumeattachment"))
    informers.pods.add_handler(on_delete=changes.notify_pod)


def _add_device_handlers(scheduler: Scheduler, informers: SchedulerInformers) -> None:
    """Keep claims and slices up to date, and wake the pods that wait for devices."""
    claims, slices = informers.devices.claims, informers.devices.slices

    def handle_claim(claim: JsonObject) -> None:
        claims.handle_claim(claim)
        scheduler.handle_change("resourceclaim")

    def handle_slice(resource_slice: JsonObject) -> None:
        slices.set(resource_slice)
        scheduler.handle_change("resourceslice")

    informers.resource_claims.add_handler(
        on_add=handle_claim,
        on_update=lambda _, claim: handle_claim(claim),
        on_delete=claims.handle_deletion,
    )
    informers.resource_slices.add_handler(
        on_add=handle_slice,
        on_update=lambda _, resource_slice: handle_slice(resource_slice),
        on_delete=slices.remove,
    )
    informers.device_classes.add_handler(
        on_add=lambda _: scheduler.handle_change("deviceclass"),
        on_update=lambda _old, _new: scheduler.handle_change("deviceclass"),
    )


class _EventHandlers:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._state = scheduler.state
        self._queue = scheduler.queue
        self._nominator = scheduler.nominator

    def add_node(self, node: Node) -> None:
        self._state.set_node(node)
        self._scheduler.handle_change("node")

    def update_node(self, old: Node, new: Node) -> None:
        may_help = _get_relevant_node_fields(old) != _get_relevant_node_fields(new)
        if may_help or old.status.images != new.status.images:
            self._state.set_node(new)
        if may_help:
            self._scheduler.handle_change("node")

    def delete_node(self, node: Node) -> None:
        self._state.remove_node(node.metadata.name)

    def add_pod(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        if pod.spec.node_name:
            is_new = uid not in self._state.pods
            self._queue.remove(uid)
            self._nominator.remove(uid)
            self._state.add_pod(pod_info.build_pod_info(pod), pod.spec.node_name)
            if is_new:
                self._scheduler.handle_change("pod")
        elif self._scheduler.is_responsible_for(pod) and not pod.metadata.deletion_timestamp:
            # A pod in the state without a node is assumed: its binding is under way, or its event is not
            # here yet. It must not be scheduled again.
            if uid in self._state.pods:
                self._queue.update(pod)
            else:
                self._nominator.update(pod)
                self._queue.add(pod)
        else:
            self._scheduler.waiting_pods.reject(uid)
            self._queue.remove(uid)
            self._nominator.remove(uid)

    def update_pod(self, old: Pod, new: Pod) -> None:
        if old.spec.node_name and _get_relevant_pod_fields(old) == _get_relevant_pod_fields(new):
            if new.metadata.deletion_timestamp and not old.metadata.deletion_timestamp:
                self._state.add_pod(pod_info.build_pod_info(new), new.spec.node_name)
                self._scheduler.handle_change("podTerminating")
            else:
                self._state.refresh_pod(new)
            return
        had_nomination = old.status.nominated_node_name
        if had_nomination and not new.spec.node_name:
            self._nominator.update(new, old)
        self.add_pod(new)
        if new.spec.node_name and old.spec.node_name:
            self._scheduler.handle_change("pod")
        elif had_nomination and had_nomination != new.status.nominated_node_name:
            # Others may use the node for which it was nominated.
            self._scheduler.handle_change("pod")

    def delete_pod(self, pod: Pod) -> None:
        self._scheduler.waiting_pods.reject(pod.metadata.uid)
        self._queue.remove(pod.metadata.uid)
        self._nominator.remove(pod.metadata.uid)
        self._state.remove_pod(pod.metadata.uid)
        self._scheduler.handle_change("pod")

    def add_namespace(self, namespace: Namespace) -> None:
        if self._state.set_namespace_labels(namespace.metadata.name, namespace.metadata.labels):
            self._scheduler.handle_change("namespace")

    def delete_namespace(self, namespace: Namespace) -> None:
        self._state.set_namespace_labels(namespace.metadata.name, {})


def _get_relevant_node_fields(node: Node) -> object:
    """The fields whose change may let a pod fit. Heartbeats do not."""
    return node.spec, node.metadata.labels, node.status.allocatable, node.status.declared_features


def _get_relevant_pod_fields(pod: Pod) -> object:
    """The fields of a bound pod on which the scheduling of other pods depends, besides its deletion."""
    return pod.metadata.labels, pod.spec.node_name, _list_requests(pod)


def _list_requests(pod: Pod) -> object:
    return [container.resources for container in pod.spec.containers]
