"""The status of a stateful set, computed from its pods (computeReplicaStatus, completeRollingUpdate)."""

from collections.abc import Iterable

from kprov.kube.api.apps import StatefulSet, StatefulSetStatus
from kprov.kube.api.core import Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL


def is_running_and_ready(pod: Pod) -> bool:
    return pod.status.phase == "Running" and pod_conditions.is_ready(pod)


def compute_status(
    ss: StatefulSet, pods: Iterable[Pod], *, current: str, update: str, collision_count: int, now: float
) -> StatefulSetStatus:
    """Count the pods. `current` and `update` are names of revisions; `now` is Unix time."""
    status = StatefulSetStatus(
        observed_generation=ss.metadata.generation,
        current_revision=current,
        update_revision=update,
        collision_count=collision_count,
    )
    for pod in pods:
        status.replicas += 1
        if is_running_and_ready(pod):
            status.ready_replicas += 1
            status.available_replicas += pod_conditions.is_available(pod, ss.spec.min_ready_seconds, now)
        if not pod.metadata.deletion_timestamp:
            revision = pod.metadata.labels.get(POD_REVISION_LABEL, "")
            status.current_replicas += revision == current
            status.updated_replicas += revision == update
    return status


def complete_rolling_update(ss: StatefulSet, status: StatefulSetStatus) -> None:
    """Make the new revision the current one once all pods have it and are ready."""
    counts = (status.updated_replicas, status.ready_replicas, status.replicas)
    if ss.spec.update_strategy.type == "RollingUpdate" and all(count == ss.spec.replicas for count in counts):
        status.current_replicas = status.updated_replicas
        status.current_revision = status.update_revision


def is_changed(old: StatefulSetStatus, new: StatefulSetStatus) -> bool:
    """Whether the new status has to be written. Conditions are others' business."""
    if new.observed_generation > old.observed_generation:
        return True
    fields = (
        "replicas",
        "current_replicas",
        "ready_replicas",
        "updated_replicas",
        "available_replicas",
        "current_revision",
        "update_revision",
    )
    return any(getattr(old, name) != getattr(new, name) for name in fields)


def to_document(status: StatefulSetStatus) -> dict[str, int | str | None]:
    """Return the fields that the controller writes, zeros too: a patch leaves out nothing."""
    return {
        "observedGeneration": status.observed_generation,
        "replicas": status.replicas,
        "readyReplicas": status.ready_replicas,
        "currentReplicas": status.current_replicas,
        "updatedReplicas": status.updated_replicas,
        "availableReplicas": status.available_replicas,
        "currentRevision": status.current_revision,
        "updateRevision": status.update_revision,
        "collisionCount": status.collision_count,
    }
