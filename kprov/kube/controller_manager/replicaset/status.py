"""The status of a replica set (replica_set_utils)."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from kprov.kube.api.apps import ReplicaSet
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition
from kprov.kube.component_helpers import pod_conditions

FAILURE = "ReplicaFailure"


def calculate_status(
    rs: ReplicaSet, active: Sequence[Pod], terminating: int | None, failure: str, now: float, stamp: str
) -> dict[str, Any]:
    """Compute the whole status document.

    `failure` says why the last creation or deletion failed ("" if none did). `terminating` is None where the
    kind has no such field. `now` is Unix time, `stamp` the same as RFC 3339.
    """
    template_labels = ((rs.spec.template.get("metadata") or {}).get("labels") or {}).items()
    ready = [pod for pod in active if pod_conditions.is_ready(pod)]
    available = [pod for pod in ready if pod_conditions.is_available(pod, rs.spec.min_ready_seconds, now)]
    return {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(template_labels <= pod.metadata.labels.items() for pod in active),
        "readyReplicas": len(ready),
        "availableReplicas": len(available),
        **_count_terminating(terminating),
        "observedGeneration": rs.metadata.generation,
        "conditions": _conditions(rs, len(active), failure, stamp),
    }


def is_current(rs: ReplicaSet) -> dict[str, Any]:
    """Return the server's status, in the same form."""
    status = rs.status
    return {
        "replicas": status.replicas,
        "fullyLabeledReplicas": status.fully_labeled_replicas,
        "readyReplicas": status.ready_replicas,
        "availableReplicas": status.available_replicas,
        **_count_terminating(status.terminating_replicas),
        "observedGeneration": status.observed_generation,
        "conditions": [msgspec.to_builtins(entry) for entry in status.conditions],
    }


def _count_terminating(count: int | None) -> dict[str, int]:
    return {} if count is None else {"terminatingReplicas": count}


def _conditions(rs: ReplicaSet, have: int, failure: str, stamp: str) -> list[dict[str, Any]]:
    others: Iterable[Condition] = (entry for entry in rs.status.conditions if entry.type != FAILURE)
    conditions = [msgspec.to_builtins(entry) for entry in others]
    if failure:
        reason = "FailedCreate" if have < rs.spec.replicas else "FailedDelete"
        old = next((entry for entry in rs.status.conditions if entry.type == FAILURE), None)
        if old is not None and old.status == "True" and old.reason == reason:
            return [*conditions, msgspec.to_builtins(old)]
        conditions.append(
            {
                "type": FAILURE,
                "status": "True",
                "reason": reason,
                "message": failure,
                "lastTransitionTime": stamp,
            }
        )
    return conditions
