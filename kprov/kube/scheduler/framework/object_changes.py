"""Which events an update of a node or a pod is (upstream's framework/events.go)."""

from __future__ import annotations

from kprov.kube.api.core import Node, Pod
from kprov.kube.scheduler.framework.events import Action, ClusterEvent, Resource
from kprov.kube.scheduler.state.pod_requests import get_resize_fields, sum_requests


def list_node_events(old: Node, new: Node) -> list[ClusterEvent]:
    """Return the events of an update of a node, none for a heartbeat."""
    actions = []
    if old.status.allocatable != new.status.allocatable:
        actions.append(Action.UPDATE_NODE_ALLOCATABLE)
    if old.metadata.labels != new.metadata.labels:
        actions.append(Action.UPDATE_NODE_LABEL)
    if old.spec.taints != new.spec.taints or (old.spec.unschedulable and not new.spec.unschedulable):
        actions.append(Action.UPDATE_NODE_TAINT)
    if _get_condition_statuses(old) != _get_condition_statuses(new):
        actions.append(Action.UPDATE_NODE_CONDITION)
    if old.metadata.annotations != new.metadata.annotations:
        actions.append(Action.UPDATE_NODE_ANNOTATION)
    if old.status.declared_features != new.status.declared_features:
        actions.append(Action.UPDATE_NODE_DECLARED_FEATURE)
    return [ClusterEvent(Resource.NODE, action) for action in actions]


def _get_condition_statuses(node: Node) -> dict[str, str]:
    return {condition.type: condition.status for condition in node.status.conditions}


def has_relevant_change(old: Pod, new: Pod) -> bool:
    """Whether more than the status changed, in which only the claims matter."""
    return _get_relevant_fields(old) != _get_relevant_fields(new)


def _get_relevant_fields(pod: Pod) -> object:
    meta = pod.metadata
    return (
        pod.spec,
        meta.labels,
        meta.annotations,
        meta.deletion_timestamp,
        pod.status.resource_claim_statuses,
        pod.status.extended_resource_claim_status,
    )


def list_pod_events(old: Pod, new: Pod) -> list[ClusterEvent]:
    """Return the events of an update of a pod: the general update if no particular field changed."""
    actions = []
    if old.metadata.labels != new.metadata.labels:
        actions.append(Action.UPDATE_POD_LABEL)
    if _has_smaller_request(old, new):
        actions.append(Action.UPDATE_POD_SCALE_DOWN)
    if old.spec.scheduling_gates and not new.spec.scheduling_gates:
        actions.append(Action.UPDATE_POD_SCHEDULING_GATES_ELIMINATED)
    # Tolerations can only be added.
    if len(old.spec.tolerations) != len(new.spec.tolerations):
        actions.append(Action.UPDATE_POD_TOLERATION)
    if (
        old.status.resource_claim_statuses != new.status.resource_claim_statuses
        or old.status.extended_resource_claim_status != new.status.extended_resource_claim_status
    ):
        actions.append(Action.UPDATE_POD_GENERATED_RESOURCE_CLAIM)
    resource = Resource.ASSIGNED_POD if new.spec.node_name else Resource.UNSCHEDULABLE_POD
    return [ClusterEvent(resource, action) for action in actions or [Action.UPDATE]]


def _has_smaller_request(old: Pod, new: Pod) -> bool:
    if old.spec == new.spec and get_resize_fields(old.status) == get_resize_fields(new.status):
        return False
    before, after = sum_requests(old), sum_requests(new)
    return any(after.get(name, 0) < amount for name, amount in before.items())
