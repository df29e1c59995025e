from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.printers import tables
from kprov.kube.machinery.printers.cells import human_duration
from kprov.kube.machinery.printers.columns import load_columns
from kprov.kube.machinery.resources import Resource, find, list_resources

NOW = 1767323105.0  # 2026-01-02T03:05:05Z
META = {"name": "web", "creationTimestamp": "2026-01-02T03:04:05Z"}


def cells(group: str, version: str, plural: str, **obj: Any) -> JsonObject:
    resource = find(group, version, plural)
    assert resource is not None
    table = tables.table(resource, [{"metadata": META, **obj}], now=NOW)
    return dict(
        zip((each["name"] for each in table["columnDefinitions"]), table["rows"][0]["cells"], strict=True)
    )


def pod(phase: str = "Running", *statuses: JsonObject, **more: Any) -> JsonObject:
    spec = {"containers": [{"name": f"c{index}"} for index in range(max(len(statuses), 1))]}
    return cells(
        "", "v1", "pods", spec=spec, status={"phase": phase, "containerStatuses": list(statuses), **more}
    )


@pytest.mark.parametrize("resource", list_resources(), ids=lambda each: each.group_resource)
def test_an_empty_object_of_every_kind_has_a_cell_per_column(resource: Resource) -> None:
    table = tables.table(resource, [{"metadata": META}], now=NOW)
    # Upstream gives the age of an IPAddress without a column for it.
    more = 1 if resource.kind == "IPAddress" else 0
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"]) + more
    without = [each["name"] for each in table["columnDefinitions"] if not each["description"]]
    assert without == (["Handler"] if resource.kind == "RuntimeClass" else [])


def test_no_column_table_is_for_an_unserved_kind() -> None:
    served = {(each.group, each.kind) for each in list_resources()} | {("autoscaling", "Scale")}
    assert {(group, kind) for group, kinds in load_columns().kinds.items() for kind in kinds} <= served


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3600, "60m"),
        (18600, "5h10m"),
        (86400, "24h"),
        (86400 * 3 + 3600, "3d1h"),
        (86400 * 100, "100d"),
        (86400 * 365 * 3, "3y"),
        (86400 * 365 * 9, "9y"),
    ],
)
def test_ages_are_shown_as_kubectl_shows_them(seconds: int, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_a_running_pod() -> None:
    row = pod("Running", {"ready": True, "state": {"running": {}}}, podIPs=[{"ip": "10.0.0.1"}])
    assert (row["Ready"], row["Status"], row["Restarts"], row["Age"], row["IP"]) == (
        "1/1",
        "Running",
        "0",
        "60s",
        "10.0.0.1",
    )


def test_a_waiting_container_names_its_reason_and_last_restart() -> None:
    row = pod(
        "Running",
        {
            "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"finishedAt": "2026-01-02T03:04:55Z"}},
        },
    )
    assert (row["Ready"], row["Status"], row["Restarts"]) == ("0/1", "CrashLoopBackOff", "3 (10s ago)")


def test_an_init_container_counts_up() -> None:
    row = cells(
        "",
        "v1",
        "pods",
        spec={"initContainers": [{"name": "i"}, {"name": "j"}], "containers": [{"name": "c"}]},
        status={
            "phase": "Pending",
            "initContainerStatuses": [
                {"name": "i", "state": {"terminated": {"exitCode": 0}}},
                {"name": "j", "state": {"running": {}}},
            ],
        },
    )
    assert row["Status"] == "Init:1/2"


def test_a_pod_of_a_job_is_completed_and_its_row_marked() -> None:
    resource = find("", "v1", "pods")
    assert resource is not None
    done = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    obj = {
        "metadata": META,
        "spec": {"containers": [{}]},
        "status": {"phase": "Succeeded", "containerStatuses": [done]},
    }
    row = tables.table(resource, [obj], now=NOW)["rows"][0]
    assert row["cells"][2] == "Completed"
    assert row["conditions"][0]["type"] == "Completed"


def test_a_deleted_pod_is_terminating() -> None:
    row = cells("", "v1", "pods", metadata={**META, "deletionTimestamp": "x"}, status={"phase": "Running"})
    assert row["Status"] == "Terminating"


def test_a_deployment() -> None:
    row = cells(
        "apps",
        "v1",
        "deployments",
        spec={
            "replicas": 3,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
        status={"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1},
    )
    assert list(row.values()) == ["web", "2/3", 3, 1, "60s", "c", "i", "a=b"]


def test_a_cordoned_node() -> None:
    row = cells(
        "",
        "v1",
        "nodes",
        metadata={**META, "labels": {"node-role.kubernetes.io/control-plane": ""}},
        spec={"unschedulable": True},
        status={
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "kernelVersion": "6.1", "architecture": "amd64"},
        },
    )
    assert (
        row["Status"],
        row["Roles"],
        row["Version"],
        row["Internal-IP"],
        row["External-IP"],
        row["Kernel-Version"],
    ) == ("Ready,SchedulingDisabled", "control-plane", "v1.36.0", "10.0.0.1", "<none>", "6.1 (amd64)")


def test_a_node_port_service() -> None:
    spec = {
        "type": "NodePort",
        "clusterIPs": ["10.96.0.9"],
        "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}],
    }
    row = cells("", "v1", "services", spec=spec)
    assert (row["Cluster-IP"], row["External-IP"], row["Port(s)"]) == ("10.96.0.9", "<none>", "80:30080/TCP")


def test_long_endpoints_say_how_many_more() -> None:
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(5)]
    row = cells("", "v1", "endpoints", subsets=[{"addresses": addresses, "ports": [{"port": 80}]}])
    assert row["Endpoints"] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."


def test_kinds_without_a_printer_show_name_and_creation_time() -> None:
    row = cells("rbac.authorization.k8s.io", "v1", "roles")
    assert row == {"Name": "web", "Created At": META["creationTimestamp"]}


def test_rows_carry_metadata_the_object_or_nothing() -> None:
    resource = find("", "v1", "secrets")
    assert resource is not None
    obj = {"metadata": META, "data": {"a": "eA=="}}
    assert tables.table(resource, [obj], now=NOW)["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert tables.table(resource, [obj], include_object="Object", now=NOW)["rows"][0]["object"] == obj
    assert tables.table(resource, [obj], include_object="None", now=NOW)["rows"][0]["object"] is None


@pytest.mark.parametrize(
    ("port", "shown"),
    [
        ({"name": "", "protocol": "TCP"}, "<unset>"),
        ({"name": "web"}, "web"),
        ({"name": "web", "port": 80}, "80"),
        ({}, "*"),
    ],
)
def test_a_port_of_a_slice_without_a_number_is_shown_by_its_name(port: JsonObject, shown: str) -> None:
    assert cells("discovery.k8s.io", "v1", "endpointslices", ports=[port])["Ports"] == shown


@pytest.mark.parametrize("prefix", ["storageclass", "storageclass.beta"])
def test_the_default_storage_class_is_marked_by_either_annotation(prefix: str) -> None:
    annotations = {f"{prefix}.kubernetes.io/is-default-class": "true"}
    row = cells("storage.k8s.io", "v1", "storageclasses", metadata={**META, "annotations": annotations})
    assert row["Name"] == "web (default)"


@pytest.mark.parametrize(
    ("selector", "shown"),
    [
        (
            {"matchLabels": {"b": "2", "a": "1"}},
            "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{},}",
        ),
        (
            {"matchExpressions": [{"key": "k", "operator": "In", "values": ["x", "y"]}]},
            (
                "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{"
                "LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}"
            ),
        ),
        (
            {},
            "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{},}",
        ),
    ],
)
def test_parameter_selectors_have_the_form_of_their_go_type(selector: JsonObject, shown: str) -> None:
    spec = {"policyName": "p", "paramRef": {"selector": selector}}
    row = cells("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", spec=spec)
    assert row["ParamRef"] == shown


@pytest.mark.parametrize(
    ("kind", "annotation"),
    [
        ("DaemonSet", "deprecated.daemonset.template.generation"),
        ("Deployment", "deprecated.deployment.rollback.revision"),
    ],
)
def test_row_metadata_omits_the_annotation_that_upstream_has_as_a_field(kind: str, annotation: str) -> None:
    annotations = {annotation: "1", "a": "b"}
    obj = {"kind": kind, "metadata": {"name": "x", "annotations": annotations}}
    assert tables.partial_metadata(obj)["metadata"] == {"name": "x", "annotations": {"a": "b"}}
    del annotations["a"]
    assert tables.partial_metadata(obj)["metadata"] == {"name": "x"}
    assert obj["metadata"] == {"name": "x", "annotations": annotations}
    other = {"kind": "Pod", "metadata": {"annotations": annotations}}
    assert tables.partial_metadata(other)["metadata"] == other["metadata"]
