"""Kinds with pod specs follow the flags of their server, each server its own."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.subresources.pod_spec import EphemeralContainersStrategy, ResizeStrategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find
from kprov.kube.machinery.schema import object_schema, zero_values
from tests.builders.containers import build_container, build_template

REFUSING, ALLOWING = ServerSettings(allow_privileged=False), ServerSettings()


def make_pod_template(restart_policy: str) -> JsonObject:
    container = build_container(securityContext={"privileged": True})
    return build_template({"a": "b"}, containers=[container], restartPolicy=restart_policy)


def make_template(**spec: Any) -> JsonObject:
    return {"selector": {"matchLabels": {"a": "b"}}, "template": make_pod_template("Always")} | spec


JOB = {"template": make_pod_template("Never")}
OBJECTS: dict[tuple[str, str], JsonObject] = {
    ("", "pods"): {"spec": make_pod_template("Always")["spec"]},
    ("", "podtemplates"): {"template": make_pod_template("Always")},
    ("", "replicationcontrollers"): {"spec": make_template(selector={"a": "b"})},
    ("apps", "daemonsets"): {"spec": make_template()},
    ("apps", "deployments"): {"spec": make_template()},
    ("apps", "replicasets"): {"spec": make_template()},
    ("apps", "statefulsets"): {"spec": make_template()},
    ("batch", "cronjobs"): {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}},
    ("batch", "jobs"): {"spec": JOB | {"selector": {"matchLabels": {"a": "b"}}, "manualSelector": True}},
}


@pytest.mark.parametrize(("group", "plural"), OBJECTS)
def test_a_server_without_allow_privileged_refuses_privileged_containers(group: str, plural: str) -> None:
    resource = find(group, "v1", plural)
    assert resource is not None
    obj: JsonObject = {"metadata": {"name": "x", "namespace": "n"}} | OBJECTS[group, plural]
    zero_values.normalize(obj, object_schema.builtin().node(resource.gvk))
    allowing, refusing = find_strategy(resource, ALLOWING), find_strategy(resource, REFUSING)
    allowing.default(obj)
    assert allowing.validate(obj) == []
    errors = refusing.validate(obj)
    assert {(error.field.rpartition(".")[2], error.message) for error in errors} == {
        ("privileged", "Forbidden: disallowed by cluster policy")
    }
    if plural != "statefulsets":  # An update of a set that is invalid already does not check its template.
        assert {error.field for error in errors} <= {
            error.field for error in refusing.validate_update(obj, obj)
        }


@pytest.mark.parametrize("strategy", [EphemeralContainersStrategy, ResizeStrategy])
def test_subresources_of_pods_follow_the_flags_too(
    strategy: type[EphemeralContainersStrategy | ResizeStrategy],
) -> None:
    resource = find("", "v1", "pods")
    assert resource is not None
    pod = make_pod_template("Always")
    zero_values.normalize(pod, object_schema.builtin().node(resource.gvk))
    strategy(resource).default(pod)
    assert strategy(resource, ALLOWING).validate_update(pod, pod) == []
    (error,) = strategy(resource, REFUSING).validate_update(pod, pod)
    assert error.field == "spec.containers[0].securityContext.privileged"


def test_the_settings_come_from_the_flags() -> None:
    assert ServerSettings.from_options(Namespace(allow_privileged=False)) == REFUSING
