"""Feeds the scheduler's state and queue from informers (upstream's eventhandlers.go)."""

from __future__ import annotations

from kprov.kube.api.apps import ReplicaSet, StatefulSet
from kprov.kube.api.core import Namespace, Node, PersistentVolumeClaim, Pod, Service
from kprov.kube.client.factory import InformerFactory
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler import pod_info
from kprov.kube.scheduler.scheduler import Scheduler

#: Finished pods hold nothing.
_PODS = "status.phase!=Succeeded,status.phase!=Failed"


class SchedulerInformers:
    """The informers the scheduler reads; its plugins ask them for selectors and claims."""

    def __init__(self, informers: InformerFactory) -> None:
        self.nodes = informers.informer("", "v1", "nodes", Node)
        self.pods = informers.informer("", "v1", "pods", Pod, field_selector=_PODS)
        self.namespaces = informers.informer("", "v1", "namespaces", Namespace)
        self.services = informers.informer("", "v1", "services", Service)
        self.replica_sets = informers.informer("apps", "v1", "replicasets", ReplicaSet)
        self.stateful_sets = informers.informer("apps", "v1", "statefulsets", StatefulSet)
        self.claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)

    def get_claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        """A claim as last seen."""
        return self.claims.get(namespace, name)

    def get_default_selector(self, pod: Pod) -> LabelSelector | None:
        """What a pod's like are: the selectors of its services and of its owner, all of them together."""
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


def add_event_handlers(scheduler: Scheduler, sources: SchedulerInformers) -> None:
    """Call once, before the informers run."""
    state, queue = scheduler.state, scheduler.queue

    def handle_added_node(node: Node) -> None:
        state.set_node(node)
        scheduler.handle_change("node")

    def handle_updated_node(old: Node, new: Node) -> None:
        helps = _get_relevant_node_fields(old) != _get_relevant_node_fields(new)
        if helps or old.status.images != new.status.images:
            state.set_node(new)
        if helps:
            scheduler.handle_change("node")

    def handle_pod(pod: Pod) -> None:
        if pod.spec.node_name:
            known = state.pods.get(pod.metadata.uid)
            queue.remove(pod.metadata.uid)
            state.add_pod(pod_info.build_pod_info(pod), pod.spec.node_name)
            if known is None:
                scheduler.handle_change("pod")
        elif pod.spec.scheduler_name == scheduler.name and not pod.metadata.deletion_timestamp:
            # An assumed pod is being bound, or was and is not seen with its node yet: none is added for it.
            if pod.metadata.uid in state.pods:
                queue.update(pod)
            else:
                queue.add(pod)
        else:
            queue.remove(pod.metadata.uid)

    def handle_updated_pod(old: Pod, new: Pod) -> None:
        if old.spec.node_name and _get_relevant_pod_fields(old) == _get_relevant_pod_fields(new):
            return
        handle_pod(new)
        if new.spec.node_name and old.spec.node_name:
            scheduler.handle_change("pod")

    def handle_deleted_pod(pod: Pod) -> None:
        queue.remove(pod.metadata.uid)
        state.remove_pod(pod.metadata.uid)
        scheduler.handle_change("pod")

    def handle_namespace(namespace: Namespace) -> None:
        if state.set_namespace_labels(namespace.metadata.name, namespace.metadata.labels):
            scheduler.handle_change("namespace")

    def handle_deleted_namespace(namespace: Namespace) -> None:
        state.set_namespace_labels(namespace.metadata.name, {})

    sources.nodes.add_handler(
        on_add=handle_added_node,
        on_update=handle_updated_node,
        on_delete=lambda node: state.remove_node(node.metadata.name),
    )
    sources.pods.add_handler(on_add=handle_pod, on_update=handle_updated_pod, on_delete=handle_deleted_pod)
    sources.namespaces.add_handler(
        on_add=handle_namespace,
        on_update=lambda _, namespace: handle_namespace(namespace),
        on_delete=handle_deleted_namespace,
    )
    sources.claims.add_handler(
        on_add=lambda _: scheduler.handle_change("pvc"),
        on_update=lambda _old, _new: scheduler.handle_change("pvc"),
    )


def _get_relevant_node_fields(node: Node) -> object:
    """What of a node can let a pod fit: heartbeats do not."""
    return node.spec, node.metadata.labels, node.status.allocatable


def _get_relevant_pod_fields(pod: Pod) -> object:
    """What of a placed pod others' decisions depend on."""
    return pod.metadata.labels, pod.metadata.deletion_timestamp, pod.spec.node_name, _list_requests(pod)


def _list_requests(pod: Pod) -> object:
    return [container.resources for container in pod.spec.containers]
