"""The templates of a job's pods."""

import copy
from typing import Any, Final

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.job.failure_policy import match_failure_policy
from kprov.kube.controller_manager.job.tracked_pods import (
    COMPLETION_INDEX,
    FINALIZER,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    get_failures,
    is_indexed,
)
from kprov.kube.machinery.json_object import JsonObject

_INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"
#: The longest prefix of a generated name: the server adds five characters, up to 63.
_PREFIX_MAX: Final = 58


def build_template(job: Job) -> JsonObject:
    """Return the template of all pods of the job."""
    template: JsonObject = copy.deepcopy(job.spec.template)
    finalizers: list[str] = template.setdefault("metadata", {}).setdefault("finalizers", [])
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)
    if is_indexed(job):
        spec: JsonObject = template.setdefault("spec", {})
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            _add_index_variable(container)
    return template


def _add_index_variable(container: JsonObject) -> None:
    variables: list[Any] = container.get("env") or []
    container["env"] = variables
    if all(variable["name"] != _INDEX_VARIABLE for variable in variables):
        source = {"fieldRef": {"fieldPath": f"metadata.labels['{COMPLETION_INDEX}']"}}
        variables.append({"name": _INDEX_VARIABLE, "valueFrom": source})


def add_index(template: JsonObject, job: Job, index: int, replaced: Pod | None) -> JsonObject:
    """Return the template of the pod of an index.

    replaced: the failed pod whose count of failures it takes over.
    """
    metadata = template["metadata"]
    annotations = {**(metadata.get("annotations") or {}), COMPLETION_INDEX: str(index)}
    if job.spec.backoff_limit_per_index is not None:
        annotations |= _count_failures(job, replaced)
    labels = {**(metadata.get("labels") or {}), COMPLETION_INDEX: str(index)}
    return {
        **template,
        "metadata": {**metadata, "labels": labels, "annotations": annotations},
        "spec": {**template["spec"], "hostname": f"{job.metadata.name}-{index}"},
    }


def _count_failures(job: Job, replaced: Pod | None) -> dict[str, str]:
    if replaced is None:
        return {INDEX_FAILURES: "0"}
    counted, ignored = get_failures(replaced)
    if match_failure_policy(job.spec.pod_failure_policy, replaced).counts:
        counted += 1
    else:
        ignored += 1
    return {INDEX_FAILURES: str(counted)} | ({INDEX_IGNORED_FAILURES: str(ignored)} if ignored else {})


def make_name_prefix(job: Job, index: int) -> str:
    """Return the prefix of the generated name of the pod of an index."""
    suffix = f"-{index}-"
    return f"{job.metadata.name[: _PREFIX_MAX - len(suffix)]}{suffix}"
