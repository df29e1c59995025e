"""SchedulingGates: a pod with gates does not enter the queue."""

from kprov.kube.scheduler.pod_info import PodInfo

NAME = "SchedulingGates"


def message(info: PodInfo) -> str | None:
    """Why the pod waits, None when it has no gates."""
    gates = [gate.name for gate in info.pod.spec.scheduling_gates]
    return f"waiting for scheduling gates: {gates}".replace("'", "").replace(",", "") if gates else None
