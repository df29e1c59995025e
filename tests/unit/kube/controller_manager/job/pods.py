"""Builders of jobs and pods."""

from typing import Any

import msgspec

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.job.tracked_pods import COMPLETION_INDEX, FINALIZER, INDEX_FAILURES
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from tests.builders.pods import view_pod

NOW = timestamps.seconds("2026-01-01T12:00:00Z")


def make_job(*, status: JsonObject | None = None, **spec: Any) -> Job:
    """A job with the defaults of the API server."""
    defaults: JsonObject = {
        "parallelism": 2,
        "completions": 2,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "podReplacementPolicy": "TerminatingOrFailed",
        "template": {"metadata": {}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}},
    }
    metadata = {"name": "j", "namespace": "n", "uid": "job-uid"}
    document = {"metadata": metadata, "spec": defaults | spec, "status": status or {}}
    return msgspec.convert(document, Job)


def make_pod(
    name: str,
    phase: str = "Running",
    *,
    index: int | None = None,
    code: int | None = None,
    failures: int = 0,
    finished: str = "2026-01-01T11:59:55Z",
    deleted: bool = False,
    tracked: bool = True,
    conditions: list[JsonObject] | None = None,
    node: str = "node",
) -> Pod:
    """A pod of the job. code: the exit code of its container."""
    annotations = {} if index is None else {COMPLETION_INDEX: str(index), INDEX_FAILURES: str(failures)}
    metadata: JsonObject = {"annotations": annotations, "creationTimestamp": "2026-01-01T11:00:00Z"}
    if deleted:
        metadata |= {"deletionTimestamp": "2026-01-01T11:59:58Z", "deletionGracePeriodSeconds": 30}
    if tracked:
        metadata["finalizers"] = [FINALIZER]
    status: JsonObject = {"phase": phase, "conditions": conditions or []}
    if code is not None:
        state = {"terminated": {"exitCode": code, "finishedAt": finished}}
        status["containerStatuses"] = [{"name": "c", "state": state}]
    return view_pod(name, namespace="n", metadata=metadata, status=status, nodeName=node)
