"""Feeds the scheduler's state and queue from informers (upstream's eventhandlers.go)."""

from __future__ import annotations

from kprov.kube.api.apps import ReplicaSet, StatefulSet
from kprov.kube.api.core import Namespace, Node, PersistentVolumeClaim, Pod, Service
from kprov.kube.client.factory import InformerFactory
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler import podinfo
from kprov.kube.scheduler.scheduler import Scheduler

#: Finished pods hold nothing.
_PODS = "status.phase!=Succeeded,status.phase!=Failed"


class Sources:
    """The informers the scheduler reads; its plugins ask them for selectors and claims."""

    def __init__(self, informers: InformerFactory) -> None:
        self.nodes = informers.informer("", "v1", "nodes", Node)
        self.pods = informers.informer("", "v1", "pods", Pod, field_selector=_PODS)
        self.namespaces = informers.informer("", "v1", "namespaces", Namespace)
        self.services = informers.informer("", "v1", "services", Service)
        self.replica_sets = informers.informer("apps", "v1", "replicasets", ReplicaSet)
        self.stateful_sets = informers.informer("apps", "v1", "statefulsets", StatefulSet)
        self.claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)

    def claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        """A claim as last seen."""
        return self.claims.get(namespace, name)

    def default_selector(self, pod: Pod) -> LabelSelector | None:
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
            parts.append(str(podinfo.selector_of(workload.spec.selector)))
        return LabelSelector.parse(",".join(part for part in parts if part)) if any(parts) else None


def connect(scheduler: Scheduler, sources: Sources) -> None:
    """Call once, before the informers run."""
    state, queue = scheduler.state, scheduler.queue

    def node_changed(node: Node) -> None:
        state.set_node(node)
        scheduler.changed("node")

    def node_updated(old: Node, new: Node) -> None:
        helps = _node_part(old) != _node_part(new)
        if helps or old.status.images != new.status.images:
            state.set_node(new)
        if helps:
            scheduler.changed("node")

    def pod_set(pod: Pod) -> None:
        if pod.spec.node_name:
            known = state.pods.get(pod.metadata.uid)
            queue.remove(pod.metadata.uid)
            state.add_pod(podinfo.build(pod), pod.spec.node_name)
            if known is None:
                scheduler.changed("pod")
        elif pod.spec.scheduler_name == scheduler.name and not pod.metadata.deletion_timestamp:
            # An assumed pod is being bound, or was and is not seen with its node yet: none is added for it.
            if pod.metadata.uid in state.pods:
                queue.update(pod)
            else:
                queue.add(pod)
        else:
            queue.remove(pod.metadata.uid)

    def pod_updated(old: Pod, new: Pod) -> None:
        if old.spec.node_name and _pod_part(old) == _pod_part(new):
            return
        pod_set(new)
        if new.spec.node_name and old.spec.node_name:
            scheduler.changed("pod")

    def pod_gone(pod: Pod) -> None:
        queue.remove(pod.metadata.uid)
        state.remove_pod(pod.metadata.uid)
        scheduler.changed("pod")

    def namespace_set(namespace: Namespace) -> None:
        if state.set_namespace_labels(namespace.metadata.name, namespace.metadata.labels):
            scheduler.changed("namespace")

    def namespace_gone(namespace: Namespace) -> None:
        state.set_namespace_labels(namespace.metadata.name, {})

    sources.nodes.add_handler(
        on_add=node_changed,
        on_update=node_updated,
        on_delete=lambda node: state.remove_node(node.metadata.name),
    )
    sources.pods.add_handler(on_add=pod_set, on_update=pod_updated, on_delete=pod_gone)
    sources.namespaces.add_handler(
        on_add=namespace_set,
        on_update=lambda _, namespace: namespace_set(namespace),
        on_delete=namespace_gone,
    )
    sources.claims.add_handler(
        on_add=lambda _: scheduler.changed("pvc"), on_update=lambda _old, _new: scheduler.changed("pvc")
    )


def _node_part(node: Node) -> object:
    """What of a node can let a pod fit: heartbeats do not."""
    return node.spec, node.metadata.labels, node.status.allocatable


def _pod_part(pod: Pod) -> object:
    """What of a placed pod others' decisions depend on."""
    return pod.metadata.labels, pod.metadata.deletion_timestamp, pod.spec.node_name, _requests_part(pod)


def _requests_part(pod: Pod) -> object:
    return [container.resources for container in pod.spec.containers]
