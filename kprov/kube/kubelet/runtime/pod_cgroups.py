"""Makes the cgroups of a pod before its containers start, and sends what fails as events."""

import asyncio
from collections.abc import Sequence

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.runtime.cgroup_manager import CgroupManager


async def create_cgroups(
    manager: CgroupManager, events: EventSender, pod: Pod, active_pods: Sequence[Pod]
) -> None:
    """Set the limits of the QoS classes for all pods of the node, then those of the pod.

    The pod starts in any case: without a limit of its cgroup, its containers still have theirs.
    """
    for problem in await asyncio.to_thread(manager.update_qos_cgroups, active_pods):
        events.send_node_event("Warning", "FailedUpdateQOSCgroups", problem)
    for problem in await asyncio.to_thread(manager.create_pod_cgroup, pod):
        text = f"unable to ensure pod container exists: {problem}"
        events.send_pod_event(pod, "Warning", "FailedCreatePodContainer", text)
