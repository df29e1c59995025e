"""What the scheduler's informers store of an object.

Pods and nodes are many. The informers drop the fields that the scheduler does not read, and equal parts are
held once. Nobody may change them. The scheduler writes patches only, never whole objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kprov.kube.api.apps import ReplicaSet, StatefulSet
from kprov.kube.api.core import Container, Node, NodeSpec, NodeStatus, Pod, PodStatus
from kprov.kube.api.meta import Condition
from kprov.kube.client.shared_values import SharedValues
from kprov.kube.scheduler.state.pod_requests import keep_resized

#: Fields that differ between pods, and between nodes.
_UNIQUE_POD: Final = frozenset({"name", "uid", "resource_version"})
_UNIQUE_SPEC: Final = frozenset({"hostname"})
_UNIQUE_NODE: Final = frozenset({"uid", "resource_version", "labels"})
#: Kinds of volumes that decide where a pod can run: claims, disks with one writer, and images.
_VOLUMES: Final = frozenset(
    {
        "persistentVolumeClaim",
        "ephemeral",
        "iscsi",
        "rbd",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "image",
    }
)


def make_transforms() -> Mapping[type, Callable[[Any], Any]]:
    """Return, by view, what the informers do with an object before they store it."""
    compactor = _Compactor()
    return {
        Pod: compactor.compact_pod,
        Node: compactor.compact_node,
        ReplicaSet: _drop_template,
        StatefulSet: _drop_template,
    }


class _Compactor:
    """Changes the objects that it gets."""

    def __init__(self) -> None:
        self._values = SharedValues()

    def compact_pod(self, pod: Pod) -> Pod:
        spec, share = pod.spec, self._values
        spec.volumes = [volume for volume in spec.volumes if not _VOLUMES.isdisjoint(volume)]
        spec.containers = [_compact_container(container) for container in spec.containers]
        spec.init_containers = [_compact_container(container) for container in spec.init_containers]
        spec.ephemeral_containers = []
        share.share_fields(spec, _UNIQUE_SPEC)
        share.share_fields(pod.metadata, _UNIQUE_POD)
        status = pod.status
        kept = pod.status = PodStatus(
            phase=status.phase,
            conditions=[condition for condition in status.conditions if _is_read(condition, pod)],
            nominated_node_name=status.nominated_node_name,
            start_time=status.start_time,
            resource_claim_statuses=status.resource_claim_statuses,
            extended_resource_claim_status=status.extended_resource_claim_status,
        )
        if status.container_statuses or status.init_container_statuses or status.resources is not None:
            keep_resized(kept, status, spec)
        share.share_fields(pod.status)
        return pod

    def compact_node(self, node: Node) -> Node:
        share, status = self._values, node.status
        share.share_fields(node.metadata, _UNIQUE_NODE)
        node.spec = NodeSpec(unschedulable=node.spec.unschedulable, taints=node.spec.taints)
        share.share_fields(node.spec)
        for image in status.images:
            share.share_fields(image)
        node.status = NodeStatus(
            capacity=status.capacity,
            allocatable=status.allocatable,
            conditions=[
                Condition(type=condition.type, status=condition.status) for condition in status.conditions
            ],
            images=status.images,
            declared_features=status.declared_features,
        )
        share.share_fields(node.status)
        return node


def _compact_container(container: Container) -> Container:
    return Container(
        name=container.name,
        image=container.image,
        ports=container.ports,
        resources=container.resources,
        restart_policy=container.restart_policy,
        restart_policy_rules=container.restart_policy_rules,
    )


def _is_read(condition: Condition, pod: Pod) -> bool:
    """Whether the scheduler reads a condition: it compares those that it writes itself."""
    return condition.type == ("DisruptionTarget" if pod.spec.node_name else "PodScheduled")


def _drop_template(workload: ReplicaSet | StatefulSet) -> ReplicaSet | StatefulSet:
    """Keep only the selector of a workload."""
    workload.metadata.annotations = {}
    workload.spec = type(workload.spec)(selector=workload.spec.selector)
    workload.status = type(workload.status)()
    return workload
