"""What a write to /status may say, and what of the object it leaves alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find
from kprov.kube.machinery.status import StatusError

_START = "2024-01-01T00:00:00Z"
_END = "2024-01-01T00:01:00Z"


def strategy(group: str, plural: str, version: str = "v1") -> Strategy:
    resource = find(group, version, plural)
    assert resource is not None
    return find_strategy(resource)


def found(group: str, plural: str, new: JsonObject, old: JsonObject | None = None, **spec: Any) -> list[str]:
    """What upstream would say of that status of an object with that spec."""
    version = "v2" if plural == "horizontalpodautoscalers" else "v1"
    objects = [{"metadata": {"name": "a"}, "spec": spec, "status": each} for each in (new, old or {})]
    resource = find(group, version, plural)
    assert resource is not None
    judged = find_strategy(resource).validate_status_update(*objects)
    return [f"{error.field}: {error.detail}" for error in judged]


def write_status(group: str, plural: str, new: JsonObject, old: JsonObject) -> None:
    resource = find(group, "v1", plural)
    assert resource is not None
    context = make_system_context("update", resource)
    find_strategy(resource).prepare_for_status_update(context, new, old)


def condition(kind: str, status: str = "True") -> JsonObject:
    return {"type": kind, "status": status, "reason": "R", "lastTransitionTime": _START}


@pytest.mark.parametrize(
    ("plural", "count"),
    [
        ("deployments", "unavailableReplicas"),
        ("replicasets", "fullyLabeledReplicas"),
        ("statefulsets", "currentReplicas"),
        ("daemonsets", "numberMisscheduled"),
    ],
)
def test_counts_of_workloads_are_not_negative(plural: str, count: str) -> None:
    wrong = f"status.{count}: Invalid value: -1: must be greater than or equal to 0"
    assert found("apps", plural, {count: -1}) == [wrong]


def test_no_more_replicas_are_available_than_are_ready() -> None:
    new = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 2}
    path = "status.availableReplicas: Invalid value: 2: cannot be greater than"
    assert found("apps", "deployments", new) == [f"{path} status.replicas", f"{path} readyReplicas"]
    assert found("apps", "statefulsets", new) == [f"{path} status.replicas", f"{path} status.readyReplicas"]


@pytest.mark.parametrize("plural", ["deployments", "statefulsets", "daemonsets"])
def test_collisions_are_counted_up_only(plural: str) -> None:
    wrong = ["status.collisionCount: Invalid value: 0: cannot be decremented"]
    assert found("apps", plural, {}, {"collisionCount": 1}) == wrong
    assert found("apps", plural, {"collisionCount": 2}, {"collisionCount": 1}) == []


def job(new: JsonObject, old: JsonObject | None = None, **spec: Any) -> list[str]:
    return found("batch", "jobs", new, old, **({"completions": 3, "parallelism": 1} | spec))


def test_a_job_ends_through_its_criteria_with_both_times() -> None:
    whole = {
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        "startTime": _START,
        "completionTime": _END,
    }
    assert job(whole) == []
    assert job({"conditions": [condition("Complete")]}) == [
        "status.completionTime: Required value: completionTime is required for Complete jobs",
        (
            "status.conditions: Invalid value: cannot set Complete=True condition "
            "without the SuccessCriteriaMet=true condition"
        ),
        "status.startTime: Required value: startTime is required for finished job",
    ]
    assert job(whole | {"startTime": _END, "completionTime": _START}) == [
        f'status.completionTime: Invalid value: "{_START}": must be equal to or after `startTime`'
    ]


def test_a_failed_job_does_not_come_back() -> None:
    failed = {"conditions": [condition("FailureTarget"), condition("Failed")], "startTime": _START}
    assert job(failed) == []
    assert job({"startTime": _START}, failed) == [
        "status.conditions: Invalid value: cannot disable the terminal Failed=True condition",
        "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
    ]
    assert job(failed | {"active": 1}) == [
        "status.active: Invalid value: 1: active>0 is invalid for finished job"
    ]


def test_what_a_job_has_counted_is_not_taken_back() -> None:
    assert job({"failed": 1}, {"failed": 2, "succeeded": 1}) == [
        "status.failed: Invalid value: 1: cannot decrease the failed counter",
        "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
    ]
    scaled = {"completionMode": "Indexed", "parallelism": 3}
    assert job({}, {"succeeded": 1}, **scaled) == []


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ("0,0", "non-increasing order, previous: 0, current: 0"),
        ("2-1", "non-increasing order, previous: 2, current: 1"),
        ("3", 'too large index: "3"'),
        ("x", 'cannot convert string to integer for index: "x"'),
        (
            "0-1-2",
            (
                'the fragment "0-1-2" violates the requirement that an index interval '
                "can have at most two parts separated by '-'"
            ),
        ),
    ],
)
def test_indexes_of_a_job_are_intervals_in_order(indexes: str, text: str) -> None:
    wrong = f'status.completedIndexes: Invalid value: "{indexes}": error parsing completedIndexes: {text}'
    assert job({"completedIndexes": indexes}, completionMode="Indexed") == [wrong]
    # What was let in before does not block another write.
    assert job({"completedIndexes": indexes}, {"completedIndexes": indexes}, completionMode="Indexed") == []


def test_an_index_does_not_fail_and_complete() -> None:
    new = {"completedIndexes": "0-1", "failedIndexes": "1,2"}
    assert job(new, completionMode="Indexed", backoffLimitPerIndex=1) == [
        ('status.failedIndexes: Invalid value: "1,2": failedIndexes and completedIndexes overlap at index: 1')
    ]


def pod(new: JsonObject, old: JsonObject | None = None, **spec: Any) -> list[str]:
    containers = [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]
    return found("", "pods", new, old, **({"containers": containers, "restartPolicy": "Never"} | spec))


def container(name: str, **state: Any) -> JsonObject:
    return {"name": name, "state": state}


def test_a_container_that_ended_for_good_does_not_run_again() -> None:
    ended = {"containerStatuses": [container("c", terminated={"exitCode": 1})]}
    running = {"containerStatuses": [container("c", running={})]}
    wrong = "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
    assert pod(running, ended) == [wrong]
    assert pod(running, ended, restartPolicy="OnFailure") == []
    own = {"name": "c", "image": "i", "restartPolicy": "Never"}
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}
    assert pod(running, ended, restartPolicy="Always", containers=[own]) == [wrong]
    assert pod(running, ended, containers=[own | {"restartPolicyRules": [rule]}]) == []


def test_addresses_of_a_pod_are_one_of_each_family() -> None:
    assert pod({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "fd00::1"}]}) == []
    assert pod({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]}) == [
        (
            'status.podIPs: Invalid value: [{"ip":"1.2.3.4"},{"ip":"1.2.3.5"}]: '
            "may specify no more than one IP for each IP family"
        )
    ]
    assert pod({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.5"}]}) == [
        'status.hostIPs[0].ip: Invalid value: "1.2.3.5": must be equal to `hostIP`'
    ]


def test_errors_of_address_families_have_gos_words() -> None:
    for second, text in (
        ("01.2.3.4", "must not have leading 0s"),
        ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
    ):
        first, rest = pod({"podIPs": [{"ip": "1.2.3.4"}, {"ip": second}]})
        assert first == f'status.podIPs[1]: Invalid value: "{second}": {text}'
        assert rest.endswith("may specify no more than one IP for each IP family")


def test_a_pod_on_its_node_is_not_nominated_for_another() -> None:
    wrong = ["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"]
    assert pod({"nominatedNodeName": "n"}, nodeName="m") == wrong
    assert pod({"nominatedNodeName": "n"}, {"nominatedNodeName": "n"}, nodeName="m") == []


def test_claims_of_a_pods_status_are_claims_of_its_spec() -> None:
    claims = {"resourceClaimStatuses": [{"name": "a"}, {"name": "a"}, {"name": "b"}]}
    assert pod(claims, resourceClaims=[{"name": "a"}]) == [
        'status.resourceClaimStatuses[1].name: Duplicate value: "a"',
        (
            'status.resourceClaimStatuses[2].name: Invalid value: "b": '
            "must match the name of an entry in `spec.resourceClaims`"
        ),
    ]


def test_generations_that_an_old_kubelet_does_not_tell_stay() -> None:
    old: JsonObject = {"metadata": {"name": "a"}, "spec": {"containers": []}}
    old["status"] = {"observedGeneration": 3, "conditions": [condition("Ready") | {"observedGeneration": 2}]}
    new = copy.deepcopy(old)
    new["status"] = {"conditions": [condition("Ready", "False"), condition("Other")]}
    write_status("", "pods", new, old)
    assert new["status"]["observedGeneration"] == 3
    assert [each.get("observedGeneration") for each in new["status"]["conditions"]] == [2, None]


def test_a_service_that_is_no_load_balancer_has_no_ingress() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}
    path = "status.loadBalancer.ingress"
    wrong = f"{path}: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    assert found("", "services", status, type="ClusterIP") == [wrong]
    missing = f"{path}[0].ipMode: Required value: must be specified when `ip` is set"
    assert found("", "services", status, type="LoadBalancer") == [missing]


def test_conditions_of_a_budget_are_whole() -> None:
    twice = {"conditions": [condition("T"), {"type": "T", "status": "Maybe", "lastTransitionTime": _START}]}
    assert found("policy", "poddisruptionbudgets", twice) == [
        'status.conditions[1].type: Duplicate value: "T"',
        (
            'status.conditions[1].status: Unsupported value: "Maybe": '
            'supported values: "False", "True", "Unknown"'
        ),
        "status.conditions[1].reason: Required value",
    ]


def test_a_namespace_ends_by_deletion_only() -> None:
    assert found("", "namespaces", {"phase": "Terminating"}) == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]


@pytest.mark.parametrize(
    ("group", "plural", "kept"),
    [
        ("apps", "deployments", {"labels"}),
        ("apps", "replicasets", set()),
        ("", "pods", {"ownerReferences"}),
        ("networking.k8s.io", "servicecidrs", {"labels", "annotations", "finalizers", "ownerReferences"}),
        ("apiregistration.k8s.io", "apiservices", {"labels", "annotations", "finalizers", "ownerReferences"}),
        (
            "flowcontrol.apiserver.k8s.io",
            "flowschemas",
            {"labels", "annotations", "finalizers", "ownerReferences"},
        ),
    ],
)
def test_of_the_metadata_a_write_to_status_keeps_what_upstream_keeps(
    group: str, plural: str, kept: set[str]
) -> None:
    names = ("labels", "annotations", "finalizers", "ownerReferences")
    old: JsonObject = {"metadata": dict.fromkeys(names, "old"), "spec": {"containers": []}, "status": {}}
    new = copy.deepcopy(old) | {"metadata": dict.fromkeys(names, "new")}
    write_status(group, plural, new, old)
    assert {name for name in names if new["metadata"][name] == "old"} == kept


@pytest.mark.parametrize(
    ("group", "plural", "part"),
    [("apps", "deployments", "annotations"), ("discovery.k8s.io", "endpointslices", "labels")],
)
def test_some_metadata_is_a_new_generation(group: str, plural: str, part: str) -> None:
    resource = find(group, "v1", plural)
    assert resource is not None
    old: JsonObject = {"metadata": {"generation": 1}, "spec": {}, "status": {}}
    for changed, generation in ((part, 2), ("finalizers", 1)):
        new = copy.deepcopy(old)
        new["metadata"][changed] = {"a": "b"}
        find_strategy(resource).prepare_for_update(make_system_context("update", resource), new, old)
        assert new["metadata"]["generation"] == generation


def test_a_priority_class_is_of_its_first_generation_for_ever() -> None:
    resource = find("scheduling.k8s.io", "v1", "priorityclasses")
    assert resource is not None
    old: JsonObject = {"metadata": {"generation": 1}, "value": 1, "globalDefault": True}
    new = {"metadata": {"generation": 1}, "value": 1}
    find_strategy(resource).prepare_for_update(make_system_context("update", resource), new, old)
    assert new["metadata"] == {"generation": 1}


def test_the_count_of_templates_is_not_of_a_daemon_sets_status() -> None:
    counted = {"deprecated.daemonset.template.generation": "3"}
    old: JsonObject = {"metadata": {"annotations": counted}, "spec": {}, "status": {}}
    new: JsonObject = {"metadata": {"annotations": {"a": "b"}}, "spec": {}, "status": {}}
    write_status("apps", "daemonsets", new, old)
    assert new["metadata"]["annotations"] == {"a": "b"} | counted


def test_a_daemon_sets_count_of_templates_goes_on_from_what_it_is_made_with() -> None:
    resource = find("apps", "v1", "daemonsets")
    assert resource is not None
    name = "deprecated.daemonset.template.generation"
    for given, shown in (("7", "7"), ("0", "1"), ("-3", "1"), ("+08", "8")):
        obj: JsonObject = {"metadata": {"annotations": {name: given}}, "spec": {"template": {"spec": {}}}}
        find_strategy(resource).prepare_for_create(make_system_context("create", resource), obj)
        assert obj["metadata"]["annotations"][name] == shown
    with pytest.raises(StatusError, match='parsing "x": invalid syntax'):
        find_strategy(resource).prepare_for_create(
            make_system_context("create", resource),
            {"metadata": {"annotations": {name: "x"}}, "spec": {"template": {"spec": {}}}},
        )


def test_the_one_address_of_a_pod_is_the_first_of_all() -> None:
    for status, shown in (
        ({"podIP": "1.2.3.4"}, {"podIP": "1.2.3.4", "podIPs": [{"ip": "1.2.3.4"}]}),
        ({"podIPs": [{"ip": "1.2.3.5"}]}, {"podIP": "1.2.3.5", "podIPs": [{"ip": "1.2.3.5"}]}),
        (
            {"podIP": "1.2.3.4", "podIPs": [{"ip": "1.2.3.5"}, {"ip": "fd00::1"}]},
            {"podIP": "1.2.3.4", "podIPs": [{"ip": "1.2.3.4"}]},
        ),
    ):
        obj: JsonObject = {"metadata": {"name": "a"}, "spec": {"containers": []}, "status": status}
        strategy("", "pods").default(obj)
        assert obj["status"] == shown


def test_an_address_of_a_load_balancer_is_virtual() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "a.b"}]}}
    obj: JsonObject = {"metadata": {"name": "a"}, "spec": {"type": "LoadBalancer"}, "status": status}
    strategy("", "services").default(obj)
    assert obj["status"]["loadBalancer"]["ingress"] == [
        {"ip": "1.2.3.4", "ipMode": "VIP"},
        {"hostname": "a.b"},
    ]


def test_each_wrong_feature_and_address_of_a_node_is_reported_once() -> None:
    address = {"type": "InternalIP", "address": "1.2.3.4"}
    wrong = {"declaredFeatures": ["B", "A", "A"], "addresses": [address, address]}
    assert found("", "nodes", wrong) == [
        'status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically',
        'status.declaredFeatures[2]: Duplicate value: "A"',
        'status.addresses[1]: Duplicate value: {"type":"InternalIP","address":"1.2.3.4"}',
    ]


def test_conditions_of_api_services_have_one_of_three_states() -> None:
    wrong = {"conditions": [{"type": "Available", "status": "True"}, {"type": "B", "status": "maybe"}]}
    assert found("apiregistration.k8s.io", "apiservices", wrong) == [
        'status.conditions[1].status: Unsupported value: "maybe": supported values: "True", "False", "Unknown"'
    ]


def test_what_checking_a_policys_types_said_is_whole() -> None:
    warning = {"fieldRef": "spec.validations[0].expression", "warning": "no such field"}
    condition = {"type": "A", "status": "True", "reason": "B", "lastTransitionTime": _START}
    plural = "validatingadmissionpolicies"
    right = {"typeChecking": {"expressionWarnings": [warning]}, "conditions": [condition]}
    assert found("admissionregistration.k8s.io", plural, right) == []
    wrong = {
        "typeChecking": {"expressionWarnings": [{"fieldRef": " ", "warning": ""}]},
        "conditions": [condition, condition],
    }
    assert found("admissionregistration.k8s.io", plural, wrong) == [
        "status.typeChecking.expressionWarnings[0].warning: Required value",
        "status.typeChecking.expressionWarnings[0].fieldRef: Required value",
        'status.conditions[1].type: Duplicate value: "A"',
    ]


def test_names_that_a_definition_was_given_are_names() -> None:
    names = {
        "plural": "as",
        "kind": "A",
        "listKind": "A",
        "shortNames": ["ok", "B"],
        "categories": ["all", "-"],
    }
    told = found("apiextensions.k8s.io", "customresourcedefinitions", {"acceptedNames": names})
    assert [text.partition(":")[0] for text in told] == [
        "status.acceptedNames.shortNames[1]",
        "status.acceptedNames.listKind",
        "status.acceptedNames.categories[1]",
    ]
