"""Changes of the cluster after which a waiting pod may fit (upstream's ClusterEvent and QueueingHintFn)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag
from typing import Any, Final, NamedTuple

from kprov.kube.scheduler.state.pod_info import PodInfo


class Action(IntFlag):
    """What happened to an object. Updates of nodes and pods say which part changed."""

    ADD = 1
    DELETE = 1 << 1
    UPDATE_NODE_ALLOCATABLE = 1 << 2
    UPDATE_NODE_LABEL = 1 << 3
    #: Also when a node becomes schedulable again.
    UPDATE_NODE_TAINT = 1 << 4
    UPDATE_NODE_CONDITION = 1 << 5
    UPDATE_NODE_ANNOTATION = 1 << 6
    UPDATE_NODE_DECLARED_FEATURE = 1 << 7
    UPDATE_POD_LABEL = 1 << 8
    #: A request got smaller.
    UPDATE_POD_SCALE_DOWN = 1 << 9
    UPDATE_POD_TOLERATION = 1 << 10
    UPDATE_POD_SCHEDULING_GATES_ELIMINATED = 1 << 11
    UPDATE_POD_GENERATED_RESOURCE_CLAIM = 1 << 12
    #: Any update.
    UPDATE = (1 << 13) - (1 << 2)
    ALL = (1 << 13) - 1


class Resource:
    """Kinds of objects under upstream's names."""

    ANY: Final = "*"
    POD: Final = "Pod"
    #: Pods with and without a node. Plugins register for POD, which stands for both.
    ASSIGNED_POD: Final = "AssignedPod"
    UNSCHEDULABLE_POD: Final = "UnschedulablePod"
    NODE: Final = "Node"
    NAMESPACE: Final = "Namespace"
    PERSISTENT_VOLUME: Final = "PersistentVolume"
    PERSISTENT_VOLUME_CLAIM: Final = "PersistentVolumeClaim"
    STORAGE_CLASS: Final = "storage.k8s.io/StorageClass"
    CSI_NODE: Final = "storage.k8s.io/CSINode"
    CSI_DRIVER: Final = "storage.k8s.io/CSIDriver"
    VOLUME_ATTACHMENT: Final = "storage.k8s.io/VolumeAttachment"
    CSI_STORAGE_CAPACITY: Final = "storage.k8s.io/CSIStorageCapacity"
    RESOURCE_CLAIM: Final = "resource.k8s.io/ResourceClaim"
    RESOURCE_SLICE: Final = "resource.k8s.io/ResourceSlice"
    DEVICE_CLASS: Final = "resource.k8s.io/DeviceClass"


_PODS: Final = frozenset({Resource.ASSIGNED_POD, Resource.UNSCHEDULABLE_POD})

#: hint(POD, OLD, NEW): whether the event may let a pod fit that the plugin has rejected. OLD is None if the
#: object is new, NEW if it is gone. Both are typed views, such as Node.
Hint = Callable[[PodInfo, Any, Any], bool]


class ClusterEvent(NamedTuple):
    """One change. `label`: its name in metrics."""

    resource: str
    action: Action

    @property
    def label(self) -> str:
        return self.resource + _ACTION_NAMES[self.action]


class EventRegistration(NamedTuple):
    """Events after which a plugin may accept a pod that it has rejected. Without a hint it always may."""

    resource: str
    action: Action
    hint: Hint | None = None

    def matches(self, event: ClusterEvent) -> bool:
        """Whether the event is one of them. A registration for some updates matches no general update."""
        is_resource = self.resource in (Resource.ANY, event.resource) or (
            self.resource == Resource.POD and event.resource in _PODS
        )
        return is_resource and bool(self.action & event.action) and event.action <= self.action


def _name_action(action: Action) -> str:
    """Return UpdateNodeLabel for UPDATE_NODE_LABEL."""
    return "".join(part.capitalize() for part in (action.name or "").split("_"))


_ACTION_NAMES: Final = {action: _name_action(action) for action in (*Action, Action.UPDATE, Action.ALL)}

NODE_ADD: Final = ClusterEvent(Resource.NODE, Action.ADD)
NODE_DELETE: Final = ClusterEvent(Resource.NODE, Action.DELETE)
ASSIGNED_POD_ADD: Final = ClusterEvent(Resource.ASSIGNED_POD, Action.ADD)
ASSIGNED_POD_DELETE: Final = ClusterEvent(Resource.ASSIGNED_POD, Action.DELETE)
UNSCHEDULABLE_POD_ADD: Final = ClusterEvent(Resource.UNSCHEDULABLE_POD, Action.ADD)
