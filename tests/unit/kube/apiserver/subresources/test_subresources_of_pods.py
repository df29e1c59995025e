"""Parts of a pod that its subresources write: the node, ephemeral containers, resources; and of workloads: replicas."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.subresources import binding, containers, pod_spec, scale
from kprov.kube.machinery.resources import find, list_resources
from kprov.kube.machinery.status import StatusError

PODS = find("", "v1", "pods")
assert PODS is not None
SCALED_KEY = "/registry/deployments/default/w"
DEPLOYMENTS = next(one for one in list_resources() if one.group_resource == "deployments.apps")


def pod(*names: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "uid": "u1", "resourceVersion": "5", "generation": 1},
        "spec": {"containers": [{"name": name, "image": "i", "resources": {}} for name in names]} | spec,
        "status": {"phase": "Pending"},
    }


def bound(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"} | metadata, "target": {"kind": "Node", "name": "n1"}}


# binding


def test_binding_sets_node_condition_labels_and_annotations() -> None:
    found = binding.assign_node(pod("a"), bound(annotations={"x": "1"}, labels={"zone": "z"}))
    assert found["spec"]["nodeName"] == "n1"
    assert found["metadata"]["annotations"] == {"x": "1"}
    assert found["metadata"]["labels"] == {"zone": "z"}
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")


@pytest.mark.parametrize(
    ("spec", "metadata", "text"),
    [
        ({"nodeName": "n0"}, {}, 'pod p is already assigned to node "n0"'),
        ({"schedulingGates": [{"name": "g"}]}, {}, "pod p has non-empty .spec.schedulingGates"),
        (
            {},
            {"uid": "u2"},
            metadata.describe_failed_precondition("/registry/pods//p", "UID", "u2", "u1"),
        ),
    ],
)
def test_binding_conflicts(spec: dict[str, Any], metadata: dict[str, Any], text: str) -> None:
    with pytest.raises(StatusError, match=text) as caught:
        binding.assign_node(pod("a", **spec), bound(**metadata))
    assert caught.value.code == 409


def test_a_binding_needs_a_node() -> None:
    fields = [error.field for error in binding.validate({"target": {"kind": "Pod"}})]
    assert fields == ["target.kind", "target.name"]


def test_the_time_since_which_a_pod_is_scheduled_stays_even_where_there_is_none() -> None:
    obj = pod("a")
    obj["status"]["conditions"] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": None}]
    (condition,) = binding.assign_node(obj, bound())["status"]["conditions"]
    assert condition["lastTransitionTime"] is None


# containers


def test_the_only_container_needs_no_name() -> None:
    assert containers.choose_container(pod("a"), "") == "a"
    assert containers.choose_container(pod("a", initContainers=[{"name": "i"}]), "i") == "i"


def test_one_of_several_containers_must_be_named() -> None:
    many = pod("a", "b", initContainers=[{"name": "i"}], ephemeralContainers=[{"name": "e"}])
    with pytest.raises(StatusError) as caught:
        containers.choose_container(many, "")
    assert caught.value.message == "a container name must be specified for pod p, choose one of: [i a b e]"


def test_a_container_that_is_not_there() -> None:
    with pytest.raises(StatusError) as caught:
        containers.choose_container(pod("a"), "z")
    assert (caught.value.code, caught.value.message) == (400, "container z is not valid for pod p")


# ephemeral containers and resize


def changed(strategy: type[Any], new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """The texts of what is wrong; `new` becomes what would be stored."""
    rules = strategy(PODS)
    assert PODS is not None
    for each in (new, old):
        rules.default(each)
    rules.prepare_for_update(make_system_context("update", PODS), new, old)
    return [f"{error.field}: {error.message}" for error in rules.validate_update(new, old)]


def test_an_ephemeral_container_is_added_and_nothing_else_changes() -> None:
    old = pod("a")
    new = copy.deepcopy(old)
    new["spec"]["ephemeralContainers"] = [{"name": "d", "image": "i", "targetContainerName": "a"}]
    new["spec"]["nodeName"] = "other"
    new["metadata"]["labels"] = {"a": "b"}
    assert changed(pod_spec.EphemeralContainersStrategy, new, old) == []
    assert "nodeName" not in new["spec"]
    assert "labels" not in new["metadata"]
    assert new["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ([], "may not be removed"),
        ([{"name": "d", "image": "other"}], "may not be changed"),
        ([{"name": "d", "image": "i"}, {"name": "a", "image": "i"}], 'Duplicate value: "a"'),
        ([{"name": "d", "image": "i"}, {"name": "e", "image": "i", "targetContainerName": "z"}], "Not found"),
        (
            [{"name": "d", "image": "i"}, {"name": "e", "image": "i", "ports": [{"containerPort": 80}]}],
            "cannot be set",
        ),
    ],
)
def test_ephemeral_containers_that_are_refused(wanted: list[dict[str, Any]], error: str) -> None:
    old = pod("a", ephemeralContainers=[{"name": "d", "image": "i"}])
    new = copy.deepcopy(old)
    new["spec"]["ephemeralContainers"] = wanted
    (text,) = changed(pod_spec.EphemeralContainersStrategy, new, old)
    assert error in text


def requests(**amounts: str) -> dict[str, Any]:
    found = pod("a")
    found["spec"]["containers"][0]["resources"] = {"requests": amounts}
    return found


def test_resize_changes_only_resources() -> None:
    old, new = requests(cpu="1"), requests(cpu="2")
    new["spec"]["containers"][0]["image"] = "other"
    assert changed(pod_spec.ResizeStrategy, new, old) == []
    (container,) = new["spec"]["containers"]
    assert (container["image"], container["resources"]) == ("i", {"requests": {"cpu": "2"}})
    assert new["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ({}, {"cpu": "1"}, "Pod QOS Class may not change"),
        ({"cpu": "1", "memory": "1"}, {"cpu": "1"}, "cannot be removed"),
        (
            {"cpu": "1", "ephemeral-storage": "1"},
            {"cpu": "1", "ephemeral-storage": "2"},
            "only cpu and memory",
        ),
    ],
)
def test_resizes_that_are_refused(before: dict[str, str], after: dict[str, str], error: str) -> None:
    errors = changed(pod_spec.ResizeStrategy, requests(**after), requests(**before))
    assert error in errors[0]


def test_pods_that_are_not_resized() -> None:
    static, windows, old_node = requests(cpu="1"), requests(cpu="1"), requests(cpu="1")
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    windows["spec"]["os"] = {"name": "windows"}
    old_node["status"] = {"containerStatuses": [{"name": "a", "state": {"running": {}}}]}
    for old, text in (
        (static, "[]: Forbidden: static pods cannot be resized"),
        (windows, "[]: Forbidden: windows pods cannot be resized"),
        (old_node, "spec: Forbidden: Pod running on node without support for resize"),
    ):
        assert changed(pod_spec.ResizeStrategy, requests(cpu="2"), old) == [text]


def test_the_sizes_of_a_whole_pod_are_changed_but_not_taken_away() -> None:
    old, new, bare = (requests(cpu="1") for _ in range(3))
    old["spec"]["resources"] = {"requests": {"cpu": "4"}}
    new["spec"]["resources"] = {"requests": {"cpu": "5"}}
    assert changed(pod_spec.ResizeStrategy, new, copy.deepcopy(old)) == []
    assert new["spec"]["resources"] == {"requests": {"cpu": "5"}}
    refused = changed(pod_spec.ResizeStrategy, bare, old)
    assert "spec.resources: Forbidden: pod-level resources cannot be removed" in refused


def test_the_error_for_a_renamed_container_has_its_index() -> None:
    assert changed(pod_spec.ResizeStrategy, pod("b"), pod("a")) == [
        "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"
    ]


def test_resize_adds_no_container() -> None:
    (text,) = changed(pod_spec.ResizeStrategy, pod("a", "b"), pod("a"))
    assert "may not be added" in text


# scale


def workload() -> dict[str, Any]:
    return {
        "metadata": {"name": "w", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"replicas": 2},
    }


def test_a_workload_as_scale() -> None:
    assert scale.build_scale(workload()) == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "w", "namespace": "n", "uid": "u", "resourceVersion": "7"},
        "spec": {"replicas": 3},
        "status": {"replicas": 2, "selector": "app=web"},
    }


def test_a_replication_controllers_selector_is_a_plain_map() -> None:
    controller = workload()
    controller["spec"]["selector"] = {"app": "web"}
    assert scale.build_scale(controller)["status"]["selector"] == "app=web"


def test_scaling_moves_replicas_and_the_precondition() -> None:
    found = scale.apply_scale(
        workload(),
        {"metadata": {}, "spec": {"replicas": 9}},
        DEPLOYMENTS,
        make_system_context("update", DEPLOYMENTS),
        SCALED_KEY,
    )
    assert found["spec"]["replicas"] == 9
    assert found["metadata"]["resourceVersion"] == ""


@pytest.mark.parametrize(
    ("wanted", "code"), [({"spec": {"replicas": -1}}, 422), ({"metadata": {"uid": "other"}}, 409)]
)
def test_scales_that_are_refused(wanted: dict[str, Any], code: int) -> None:
    with pytest.raises(StatusError) as caught:
        scale.apply_scale(
            workload(), wanted, DEPLOYMENTS, make_system_context("update", DEPLOYMENTS), SCALED_KEY
        )
    assert caught.value.code == code


def test_a_scale_of_another_workload_is_refused_before_its_replicas() -> None:
    wanted = {"metadata": {"uid": "other"}, "spec": {"replicas": -1}}
    with pytest.raises(StatusError) as caught:
        scale.apply_scale(
            workload(), wanted, DEPLOYMENTS, make_system_context("update", DEPLOYMENTS), SCALED_KEY
        )
    assert caught.value.message.startswith(
        'Operation cannot be fulfilled on deployments.apps "w": StorageError: invalid object, Code: 4, '
        "Key: /registry/deployments/"
    )
