"""Updates the scheduler's state and queue when informers report a change (upstream's eventhandlers.go)."""

from __future__ import annotations

from typing import Any

from kprov.kube.api.core import Namespace, Node, Pod
from kprov.kube.client.informer import Informer
from kprov.kube.scheduler.cycle.scheduler import Scheduler
from kprov.kube.scheduler.framework.events import (
    ASSIGNED_POD_ADD,
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    NODE_DELETE,
    Action,
    ClusterEvent,
    Resource,
)
from kprov.kube.scheduler.framework.object_changes import list_node_events, list_pod_events
from kprov.kube.scheduler.informers.scheduler_informers import SchedulerInformers
from kprov.kube.scheduler.state.pod_info import build_pod_info, place_pod
from kprov.kube.scheduler.state.pod_requests import get_resize_fields

_NAMESPACE_UPDATE = ClusterEvent(Resource.NAMESPACE, Action.UPDATE)


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
    informers.claims.add_handler(
        on_add=lambda claim: changes.notify(claim.key),
        on_update=lambda _, claim: changes.notify(claim.key),
        on_delete=lambda claim: changes.notify(claim.key),
    )
    informers.persistent_volumes.add_handler(
        on_add=changes.notify_volume,
        on_update=lambda _, volume: changes.notify_volume(volume),
        on_delete=changes.notify_volume,
    )
    informers.pods.add_handler(on_delete=changes.notify_pod)
    _forward_events(scheduler, informers.claims, Resource.PERSISTENT_VOLUME_CLAIM)
    _forward_events(scheduler, informers.persistent_volumes, Resource.PERSISTENT_VOLUME)
    _forward_events(scheduler, informers.classes, Resource.STORAGE_CLASS)
    _forward_events(scheduler, informers.csi_nodes, Resource.CSI_NODE)
    _forward_events(scheduler, informers.attachments, Resource.VOLUME_ATTACHMENT)


def _forward_events(scheduler: Scheduler, informer: Informer[Any], resource: str) -> None:
    """Tell the queue about each object that comes, changes and goes."""
    handle_event = scheduler.queue.handle_event
    add, update, delete = (
        ClusterEvent(resource, action) for action in (Action.ADD, Action.UPDATE, Action.DELETE)
    )
    informer.add_handler(
        on_add=lambda new: handle_event(add, None, new),
        on_update=lambda old, new: handle_event(update, old, new),
        on_delete=lambda old: handle_event(delete, old, None),
    )


def _add_device_handlers(scheduler: Scheduler, informers: SchedulerInformers) -> None:
    """Keep claims, slices and classes up to date, then wake the pods that wait for devices."""
    extended = informers.devices.extended
    informers.device_classes.add_handler(
        on_add=extended.set,
        on_update=lambda _, device_class: extended.set(device_class),
        on_delete=extended.remove,
    )
    claims, slices = informers.devices.claims, informers.devices.slices
    informers.resource_claims.add_handler(
        on_add=claims.handle_claim,
        on_update=lambda _, claim: claims.handle_claim(claim),
        on_delete=claims.handle_deletion,
    )
    informers.resource_slices.add_handler(
        on_add=slices.set,
        on_update=lambda _, resource_slice: slices.set(resource_slice),
        on_delete=slices.remove,
    )
    _forward_events(scheduler, informers.resource_claims, Resource.RESOURCE_CLAIM)
    _forward_events(scheduler, informers.resource_slices, Resource.RESOURCE_SLICE)
    _forward_events(scheduler, informers.device_classes, Resource.DEVICE_CLASS)


class _EventHandlers:
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._state = scheduler.state
        self._queue = scheduler.queue
        self._nominator = scheduler.nominator

    def add_node(self, node: Node) -> None:
        self._state.set_node(node)
        self._queue.handle_event(NODE_ADD, None, node)

    def update_node(self, old: Node, new: Node) -> None:
        if _get_relevant_node_fields(old) != _get_relevant_node_fields(new):
            self._state.set_node(new)
        for event in list_node_events(old, new):
            self._queue.handle_event(event, old, new)

    def delete_node(self, node: Node) -> None:
        self._state.remove_node(node.metadata.name)
        self._queue.handle_event(NODE_DELETE, node, None)

    def add_pod(self, pod: Pod) -> None:
        uid = pod.metadata.uid
        if pod.spec.node_name:
            self._queue.remove(uid)
            self._nominator.remove(uid)
            self._state.add_pod(build_pod_info(pod), pod.spec.node_name)
            self._queue.handle_event(ASSIGNED_POD_ADD, None, pod)
        elif self._scheduler.is_responsible_for(pod) and not pod.metadata.deletion_timestamp:
            # A pod in the state without a node is assumed: its binding is under way, or its event is not
            # here yet. It must not be scheduled again.
            if uid in self._state.pods:
                self._queue.update(pod)
            else:
                self._nominator.update(pod)
                self._queue.add(pod)
        else:
            self._forget_unbound_pod(pod)

    def update_pod(self, old: Pod, new: Pod) -> None:
        if old.spec.node_name:
            self._update_assigned_pod(old, new)
            return
        nominated = old.status.nominated_node_name
        if nominated and not new.spec.node_name:
            self._nominator.update(new, old)
        self.add_pod(new)
        if nominated and not new.spec.node_name and nominated != new.status.nominated_node_name:
            self._release_nomination(old)

    def _update_assigned_pod(self, old: Pod, new: Pod) -> None:
        if _get_relevant_pod_fields(old) != _get_relevant_pod_fields(new):
            self._state.add_pod(build_pod_info(new), new.spec.node_name)
        else:
            self._state.refresh_pod(new)
        for event in list_pod_events(old, new):
            self._queue.handle_event(event, old, new)

    def delete_pod(self, pod: Pod) -> None:
        if pod.spec.node_name:
            uid = pod.metadata.uid
            self._queue.remove(uid)
            self._nominator.remove(uid)
            self._state.remove_pod(uid)
            self._queue.handle_event(ASSIGNED_POD_DELETE, pod, None)
        else:
            self._forget_unbound_pod(pod)

    def _forget_unbound_pod(self, pod: Pod) -> None:
        """Remove a pod that is deleted or being deleted, and free its node or its nomination."""
        uid = pod.metadata.uid
        is_waiting = self._scheduler.waiting_pods.reject(uid)
        self._queue.remove(uid)
        self._nominator.remove(uid)
        if is_waiting:
            # Permit gives the node back.
            return
        node = self._state.get_node_of(uid)
        if node is not None:
            self._state.remove_pod(uid)
            self._queue.handle_event(ASSIGNED_POD_DELETE, place_pod(pod, node), None)
        elif pod.status.nominated_node_name:
            self._release_nomination(pod)

    def _release_nomination(self, old: Pod) -> None:
        """Wake the pods of the same and lower priorities, which had to leave space for this pod."""
        priority = old.spec.priority or 0
        self._queue.handle_event(ASSIGNED_POD_DELETE, old, None, lambda queued: queued.priority <= priority)

    def add_namespace(self, namespace: Namespace) -> None:
        if self._state.set_namespace_labels(namespace.metadata.name, namespace.metadata.labels):
            self._queue.handle_event(_NAMESPACE_UPDATE, None, namespace)

    def delete_namespace(self, namespace: Namespace) -> None:
        self._state.set_namespace_labels(namespace.metadata.name, {})


def _get_relevant_node_fields(node: Node) -> object:
    """Return the fields of a node that the state has. Heartbeats change others."""
    status = node.status
    return node.spec, node.metadata.labels, status.allocatable, status.images, status.declared_features


def _get_relevant_pod_fields(pod: Pod) -> object:
    """Return the fields of a bound pod on which the scheduling of other pods depends."""
    spec = pod.spec
    return (
        pod.metadata.labels,
        bool(pod.metadata.deletion_timestamp),
        [container.resources for container in (*spec.containers, *spec.init_containers)],
        spec.resources,
        get_resize_fields(pod.status),
    )
