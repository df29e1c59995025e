"""Which fields of a job may change, and the order of the errors for others."""

from __future__ import annotations

import copy
from typing import Any

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find

RESOURCE = find("batch", "v1", "jobs")
assert RESOURCE is not None
JOBS = find_strategy(RESOURCE)
LABELS = {"controller-uid": "u", "job-name": "j"}


def job(suspend: bool = False, **status: Any) -> JsonObject:
    spec: JsonObject = {
        "suspend": suspend,
        "selector": {"matchLabels": {"controller-uid": "u"}},
        "template": {
            "metadata": {"labels": dict(LABELS)},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
        },
    }
    obj: JsonObject = {"metadata": {"name": "j", "uid": "u"}, "spec": spec, "status": status}
    JOBS.default(obj)
    return obj


def told(old: JsonObject, *path: str, value: Any) -> list[str]:
    new = copy.deepcopy(old)
    place = new
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value
    return [error.field for error in JOBS.validate_update(new, old)]


POD = ("spec", "template", "spec")


def test_a_changed_template_is_rejected_as_a_whole() -> None:
    assert told(job(), *POD, "nodeSelector", value={"a": "b"}) == ["spec.template"]


def test_a_suspended_job_may_be_placed_anew_and_its_labels_change() -> None:
    waiting = job(suspend=True)
    assert told(waiting, *POD, "nodeSelector", value={"a": "b"}) == []
    assert told(waiting, "spec", "template", "metadata", "labels", value=LABELS | {"c": "d"}) == []
    assert told(waiting, *POD, "restartPolicy", value="OnFailure") == ["spec.template.spec"]


def test_a_job_that_has_pods_is_not_placed_anew() -> None:
    suspended = [{"type": "Suspended", "status": "True"}]
    started = job(suspend=True, startTime="2026-01-01T00:00:00Z", conditions=suspended)
    assert told(started, *POD, "nodeSelector", value={"a": "b"}) == []
    busy = job(suspend=True, active=1)
    assert told(busy, *POD, "nodeSelector", value={"a": "b"}) == ["spec.template"]


def test_labels_of_newer_servers_are_asked_for_only_of_jobs_that_have_them() -> None:
    prefixed = {f"batch.kubernetes.io/{key}": value for key, value in LABELS.items()}
    old = job()
    old["spec"]["template"]["metadata"]["labels"] |= prefixed
    fields = told(old, "spec", "template", "metadata", "labels", value=LABELS)
    assert "spec.template.metadata.labels[batch.kubernetes.io/job-name]" in fields
