"""Workloads, namespaces, secrets, RBAC and others: defaults and what may not change."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from kprov.kube.apiserver.app import list_stored_resources
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import STRATEGIES, find_strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find, list_resources
from kprov.kube.machinery.status import StatusError

_STORED = list_stored_resources()


def strategy(group: str, plural: str, version: str = "v1") -> Strategy:
    resource = find(group, version, plural)
    assert resource is not None
    return find_strategy(resource)


def workload(**spec: Any) -> JsonObject:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1"}]},
    }
    base = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"kind": "X", "metadata": {"name": "web", "namespace": "default"}, "spec": base | spec}


def texts(errors: Any) -> list[str]:
    return [f"{error.field}: {error.detail}" for error in errors]


def test_every_kind_of_the_table_exists() -> None:
    assert set(STRATEGIES) <= {(resource.group, resource.plural) for resource in list_resources()}


def test_every_stored_resource_has_a_line_in_the_table() -> None:
    assert {(each.group, each.plural) for each in _STORED} <= set(STRATEGIES)


def test_a_resource_without_a_line_is_an_error_that_names_it() -> None:
    unknown = replace(_STORED[0], group="example.com", plural="widgets")
    with pytest.raises(LookupError, match=r"STRATEGIES has no line for widgets\.example\.com"):
        find_strategy(unknown)


@pytest.mark.parametrize("resource", _STORED, ids=lambda resource: resource.group_resource)
def test_defaults_are_idempotent_even_on_an_empty_object(resource: Any) -> None:
    rules = find_strategy(resource)
    obj: JsonObject = {"metadata": {"name": "a"}}
    rules.default(obj)
    again = copy.deepcopy(obj)
    rules.default(again)
    assert again == obj
    rules.list_selectable_fields(obj)


@pytest.mark.parametrize("resource", _STORED, ids=lambda resource: resource.group_resource)
def test_an_object_that_lacks_everything_is_judged_not_tripped_over(resource: Any) -> None:
    rules = find_strategy(resource)
    obj: JsonObject = {"kind": resource.kind, "metadata": {"name": "a", "namespace": "b", "uid": "u"}}
    if resource.group != "rbac.authorization.k8s.io":
        obj["spec"] = {}
    rules.default(obj)
    rules.prepare_for_create(make_system_context("create", resource), obj)
    rules.validate(obj)
    rules.validate_update(obj, copy.deepcopy(obj))
    rules.choose_grace_period(obj, None)


@pytest.mark.parametrize(
    ("plural", "expected"),
    [
        (
            "deployments",
            {
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
                },
            },
        ),
        ("replicasets", {"replicas": 1}),
        (
            "daemonsets",
            {
                "revisionHistoryLimit": 10,
                "updateStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
                },
            },
        ),
        (
            "statefulsets",
            {
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            },
        ),
    ],
)
def test_defaults_of_workloads(plural: str, expected: JsonObject) -> None:
    rules, obj = strategy("apps", plural), workload()
    rules.default(obj)
    del obj["spec"]["selector"], obj["spec"]["template"]
    assert obj["spec"] == expected


@pytest.mark.parametrize("plural", ["deployments", "replicasets", "daemonsets", "statefulsets"])
def test_a_selector_must_match_its_template(plural: str) -> None:
    rules, obj = strategy("apps", plural), workload(selector={"matchLabels": {"app": "other"}})
    rules.default(obj)
    text = 'Invalid value: {"app":"web"}: `selector` does not match template `labels`'
    assert texts(rules.validate(obj)) == [f"spec.template.metadata.labels: {text}"]


@pytest.mark.parametrize("plural", ["deployments", "replicasets", "daemonsets"])
def test_a_selector_stays(plural: str) -> None:
    rules, old = strategy("apps", plural), workload()
    new = workload(selector={"matchLabels": {"app": "web", "b": "c"}})
    new["spec"]["template"]["metadata"]["labels"]["b"] = "c"
    rules.default(old)
    rules.default(new)
    errors = texts(rules.validate_update(new, old))
    assert len(errors) == 1
    assert errors[0].endswith("field is immutable")


def test_a_rolling_update_must_be_able_to_move() -> None:
    rules = strategy("apps", "deployments")
    stuck = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}
    obj = workload(strategy=stuck)
    rules.default(obj)
    path = "spec.strategy.rollingUpdate.maxUnavailable"
    assert texts(rules.validate(obj)) == [f"{path}: Invalid value: 0: may not be 0 when `maxSurge` is 0"]


def test_a_job_selects_its_own_pods() -> None:
    rules = strategy("batch", "jobs")
    obj = workload()
    del obj["spec"]["selector"]
    obj["metadata"]["uid"] = "u1"
    obj["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    rules.default(obj)
    resource = find("batch", "v1", "jobs")
    assert resource is not None
    rules.prepare_for_create(make_system_context("create", resource), obj)
    assert obj["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}}
    assert obj["spec"]["template"]["metadata"]["labels"]["job-name"] == "web"
    assert rules.validate(obj) == []
    assert (obj["spec"]["completions"], obj["spec"]["parallelism"], obj["spec"]["backoffLimit"]) == (1, 1, 6)


def test_pods_of_jobs_end() -> None:
    rules = strategy("batch", "jobs")
    obj = workload(manualSelector=True)
    rules.default(obj)
    path = "spec.template.spec.restartPolicy"
    assert texts(rules.validate(obj)) == [f'{path}: Required value: valid values: "OnFailure", "Never"']


async def test_a_namespace_is_active_labelled_and_held_by_its_finalizer(registry: Registry) -> None:
    store = registry.store("", "namespaces")
    context = make_system_context("create", store.resource)
    made = await store.create(context, "", {"metadata": {"name": "team"}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    assert made["status"] == {"phase": "Active"}
    deleted, gone = await store.delete(context, "", "team")
    assert not gone
    assert deleted["status"]["phase"] == "Terminating"

    def without_finalizers(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"] = {"finalizers": []}
        return obj

    await store.update(context, "", "team", without_finalizers)
    assert (await store.get(context, "", "team"))["spec"]["finalizers"] == ["kubernetes"]
    context.info = type(context.info)(
        path="/", verb="update", is_resource_request=True, resource="namespaces", subresource="finalize"
    )
    await store.update(context, "", "team", without_finalizers, subresource="finalize")
    with pytest.raises(StatusError, match="not found"):
        await store.get(context, "", "team")


async def test_plain_text_of_a_secret_becomes_data(registry: Registry) -> None:
    store = registry.store("", "secrets")
    context = make_system_context("create", store.resource)
    made = await store.create(context, "default", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert made["data"] == {"a": "Yg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_an_immutable_config_map_stays() -> None:
    rules = strategy("", "configmaps")
    old = {"metadata": {"name": "c"}, "data": {"a": "b"}, "immutable": True}
    new = {"metadata": {"name": "c"}, "data": {"a": "c"}, "immutable": True}
    text = "Forbidden: field is immutable when `immutable` is set"
    assert texts(rules.validate_update(new, old)) == [f"data: {text}"]


def test_a_tls_secret_needs_certificate_and_key() -> None:
    rules = strategy("", "secrets")
    obj: JsonObject = {"metadata": {"name": "s"}, "type": "kubernetes.io/tls"}
    assert texts(rules.validate(obj)) == ["data[tls.crt]: Required value", "data[tls.key]: Required value"]


def test_a_binding_keeps_its_role() -> None:
    rules = strategy("rbac.authorization.k8s.io", "rolebindings")

    def binding(role: str) -> JsonObject:
        obj: JsonObject = {
            "kind": "RoleBinding",
            "metadata": {"name": "b"},
            "roleRef": {"kind": "Role", "name": role},
            "subjects": [{"kind": "User", "name": "ann"}],
        }
        rules.default(obj)
        return obj

    old, new = binding("a"), binding("b")
    assert old["subjects"][0]["apiGroup"] == old["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert rules.validate(old) == []
    (error,) = rules.validate_update(new, old)
    assert error.detail.endswith("cannot change roleRef")


def test_system_priority_is_for_the_system() -> None:
    rules = strategy("scheduling.k8s.io", "priorityclasses")
    obj: JsonObject = {"metadata": {"name": "mine"}, "value": 2_000_000_000}
    rules.default(obj)
    text = "Forbidden: maximum allowed value of a user defined priority is 1000000000"
    assert texts(rules.validate(obj)) == [f"value: {text}"]


def test_pod_cidrs_of_a_node_cannot_be_removed() -> None:
    rules = strategy("", "nodes")
    old: JsonObject = {
        "metadata": {"name": "n"},
        "spec": {"podCIDRs": ["10.1.0.0/24"], "podCIDR": "10.1.0.0/24"},
    }
    new: JsonObject = {"metadata": {"name": "n"}, "spec": {}}
    assert [error.field for error in rules.validate_update(new, old)] == ["spec.podCIDRs"]
