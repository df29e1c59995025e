"""spec.podFailurePolicy: what the failure of a pod means for its job (pod_failure_policy.go)."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from kprov.kube.api.core import ContainerStatus, Pod
from kprov.kube.machinery.json_object import JsonObject

FAIL_JOB: Final = "FailJob"
FAIL_INDEX: Final = "FailIndex"
IGNORE: Final = "Ignore"


class FailureMatch(NamedTuple):
    """The outcome of the policy. action: "" if no rule matches. message: why the job fails, with FailJob."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts towards the backoff limits."""
        return self.action != IGNORE


def match_failure_policy(policy: JsonObject | None, pod: Pod) -> FailureMatch:
    """Return the first rule that matches the failed pod decides."""
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        action = rule["action"]
        where = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if rule.get("onExitCodes") is not None:
            status = _find_container(pod, rule["onExitCodes"])
            if status is not None and status.state.terminated is not None:
                code = status.state.terminated.exit_code
                text = f"Container {status.name} for pod {where} failed with exit code {code}"
                return FailureMatch(action, f"{text} matching {action} rule at index {index}")
        elif kind := _find_condition(pod, rule.get("onPodConditions") or ()):
            text = f"Pod {where} has condition {kind} matching {action} rule at index {index}"
            return FailureMatch(action, text)
    return FailureMatch()


def _find_container(pod: Pod, requirement: JsonObject) -> ContainerStatus | None:
    """Return the first container that ended with an exit code of the requirement."""
    name = requirement.get("containerName")
    values = set(requirement.get("values") or ())
    is_in = requirement["operator"] == "In"
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        terminated = status.state.terminated
        if terminated is None or terminated.exit_code == 0 or name not in {None, status.name}:
            continue
        if (terminated.exit_code in values) == is_in:
            return status
    return None


def _find_condition(pod: Pod, patterns: Iterable[Any]) -> str:
    wanted = {(pattern["type"], pattern.get("status") or "True") for pattern in patterns}
    return next(
        (
            condition.type
            for condition in pod.status.conditions
            if (condition.type, condition.status) in wanted
        ),
        "",
    )
