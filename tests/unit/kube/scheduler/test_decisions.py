"""Where pods go and why not elsewhere: nodes and pods in, a decision out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Node, NodeStatus, Pod
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler import pod_info
from kprov.kube.scheduler.configuration import document
from kprov.kube.scheduler.nominator import Nominator
from kprov.kube.scheduler.plugins.node_ports import has_port_conflict
from kprov.kube.scheduler.profile import PluginResources, build_profile
from kprov.kube.scheduler.schedule_pod import ScheduleResult, schedule_pod
from kprov.kube.scheduler.state import ClusterState
from kprov.kube.scheduler.volumes.listers import VolumeListers

ZONE = "topology.kubernetes.io/zone"


def node(name: str, *, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **spec: Any) -> Node:
    labels = {"kubernetes.io/hostname": name} | spec.pop("labels", {})
    status = {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}}
    return msgspec.convert(
        {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}, Node
    )


def pod(name: str = "p", *, cpu: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Pod:
    container: dict[str, Any] = {"name": "c", "image": "i"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    if "ports" in spec:
        container["ports"] = spec.pop("ports")
    meta = {"name": name, "namespace": "ns", "uid": name, "labels": labels or {}}
    return msgspec.convert({"metadata": meta, "spec": {"containers": [container]} | spec}, Pod)


class Lab:
    """A cluster state and the default plugins; like pods are those with the same `app` label."""

    def __init__(self, *nodes: Node, listers: VolumeListers | None = None, profile: Any = None) -> None:
        self.state = ClusterState()
        for entry in nodes:
            self.state.set_node(entry)
        nothing = VolumeListers(lambda *_: None, lambda _: None, lambda _: None, lambda _: (), lambda _: True)
        resources = PluginResources(
            default_selector=lambda p: (
                LabelSelector.from_labels(p.metadata.labels) if p.metadata.labels else None
            ),
            listers=listers or nothing,
        )
        self.profile = build_profile(msgspec.convert(profile or {}, document.Profile), resources)
        self.rng = random.Random(1)

    def schedule_pod(self, p: Pod, nominator: Nominator | None = None) -> ScheduleResult:
        return schedule_pod(pod_info.build_pod_info(p), self.state, self.profile, self.rng, nominator)

    def place(self, p: Pod) -> str:
        """Decide and assume."""
        decision = self.schedule_pod(p)
        assert decision.node, decision.diagnosis.message
        self.state.add_pod(pod_info.build_pod_info(p), decision.node)
        return decision.node


def test_without_nodes_it_says_so() -> None:
    assert Lab().schedule_pod(pod()).diagnosis.message == "no nodes available to schedule pods"


def test_replicas_of_one_owner_are_spread_over_the_hosts() -> None:
    lab = Lab(*(node(f"n{i}") for i in range(3)))
    placed = Counter(lab.place(pod(f"p{i}", labels={"app": "web"})) for i in range(6))
    assert placed == {"n0": 2, "n1": 2, "n2": 2}


def test_a_pod_that_asks_too_much_stays_and_every_reason_is_counted() -> None:
    lab = Lab(node("small", cpu="1"), node("cordoned", unschedulable=True), node("full", pods="0"))
    decision = lab.schedule_pod(pod(cpu="2"))
    assert decision.node == ""
    assert decision.diagnosis.message == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) were unschedulable."
    )


def test_what_a_bound_pod_asks_for_is_taken_and_free_again_when_it_goes() -> None:
    lab = Lab(node("n", cpu="2"))
    lab.place(pod("first", cpu="1500m"))
    assert "Insufficient cpu" in lab.schedule_pod(pod("second", cpu="1")).diagnosis.message
    lab.state.remove_pod("first")
    assert lab.schedule_pod(pod("second", cpu="1")).node == "n"


def test_taints_keep_away_who_does_not_tolerate_them() -> None:
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    lab = Lab(node("tainted", taints=[taint]))
    assert "1 node(s) had untolerated taint(s)" in lab.schedule_pod(pod()).diagnosis.message
    tolerating = pod(
        tolerations=[{"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}]
    )
    assert lab.schedule_pod(tolerating).node == "tainted"


def test_node_selector_and_affinity_expressions() -> None:
    lab = Lab(node("a", labels={"disk": "ssd", "size": "3"}), node("b", labels={"disk": "hdd", "size": "9"}))
    assert lab.schedule_pod(pod(nodeSelector={"disk": "hdd"})).node == "b"

    def by(operator: str, key: str, *values: str) -> str:
        term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        return lab.schedule_pod(pod(affinity={"nodeAffinity": required})).node

    assert by("In", "disk", "ssd", "nvme") == "a"
    assert by("NotIn", "disk", "ssd") == "b"
    assert by("Gt", "size", "5") == "b"
    assert by("Lt", "size", "5") == "a"
    assert by("Exists", "nothing") == ""
    assert by("In", "disk", "tape") == ""


def test_a_host_port_is_given_once() -> None:
    lab = Lab(node("n"))
    ports = [{"containerPort": 80, "hostPort": 80}]
    lab.place(pod("first", ports=ports))
    assert "free ports" in lab.schedule_pod(pod("second", ports=ports)).diagnosis.message
    assert not has_port_conflict(frozenset({("TCP", "10.0.0.1", 80)}), frozenset({("TCP", "10.0.0.2", 80)}))
    assert has_port_conflict(frozenset({("TCP", "0.0.0.0", 80)}), frozenset({("TCP", "10.0.0.2", 80)}))
    assert not has_port_conflict(frozenset({("UDP", "0.0.0.0", 80)}), frozenset({("TCP", "0.0.0.0", 80)}))


def anti(key: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_anti_affinity_holds_for_the_pod_and_for_those_already_there() -> None:
    lab = Lab(node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "1"}), node("c", labels={ZONE: "2"}))
    first = lab.place(pod("db0", labels={"app": "db"}, affinity=anti(ZONE)))
    second = lab.place(pod("db1", labels={"app": "db"}, affinity=anti(ZONE)))
    assert {first, second} >= {"c"}
    third = lab.schedule_pod(pod("db2", labels={"app": "db"}))
    assert third.diagnosis.message == (
        "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules."
    )


def test_affinity_brings_pods_together_and_the_first_of_a_group_may_start() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    lab = Lab(*(node(f"n{i}") for i in range(3)))
    first = lab.place(pod("db0", labels={"app": "db"}, affinity=near))
    assert {lab.place(pod(f"db{i}", labels={"app": "db"}, affinity=near)) for i in range(1, 4)} == {first}


def test_a_hard_spread_constraint_refuses_what_would_skew() -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    lab = Lab(node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}), node("c"))
    zones = [
        lab.place(pod(f"p{i}", labels={"app": "web"}, topologySpreadConstraints=[constraint]))
        for i in range(4)
    ]
    assert Counter(zones) == {"a": 2, "b": 2}
    lab.state.remove_node("b")
    lab.state.set_node(node("b", labels={ZONE: "2"}, unschedulable=True))
    lab.place(pod("p4", labels={"app": "web"}, topologySpreadConstraints=[constraint]))
    message = lab.schedule_pod(
        pod("p5", labels={"app": "web"}, topologySpreadConstraints=[constraint])
    ).diagnosis.message
    assert "1 node(s) didn't match pod topology spread constraints" in message
    assert "1 node(s) didn't match pod topology spread constraints (missing required label)" in message


def test_a_node_that_comes_back_still_has_its_pods() -> None:
    lab = Lab(node("n", cpu="2"))
    lab.place(pod("first", cpu="2"))
    lab.state.remove_node("n")
    lab.state.set_node(node("n", cpu="2"))
    assert lab.schedule_pod(pod("second", cpu="1")).node == ""


def test_a_claim_that_is_missing_is_named() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    message = Lab(node("n")).schedule_pod(pod(volumes=[volume])).diagnosis.message
    assert 'persistentvolumeclaim "data" not found' in message


def test_init_containers_count_by_the_largest_and_sidecars_with_the_rest() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}} | more

    plain = pod(initContainers=[container("3")], cpu="1")
    assert pod_info.build_pod_info(plain).requests[pod_info.CPU] == 3000
    sidecar = pod(initContainers=[container("1", restartPolicy="Always"), container("2")], cpu="1")
    assert pod_info.build_pod_info(sidecar).requests[pod_info.CPU] == 3000


@settings(max_examples=60, deadline=None)
@given(
    capacities=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    asked=st.lists(st.integers(1, 3), min_size=1, max_size=30),
    removed=st.sets(st.integers(0, 29)),
)
def test_the_arrays_agree_with_a_plain_count(
    capacities: list[int], asked: list[int], removed: set[int]
) -> None:
    """Whatever comes and goes: a node takes a pod exactly when its plain sum has room."""
    lab = Lab(*(node(f"n{i}", cpu=str(cpu)) for i, cpu in enumerate(capacities)))
    used = [0] * len(capacities)
    placed: dict[str, tuple[int, int]] = {}
    for number, cpu in enumerate(asked):
        decision = lab.schedule_pod(pod(f"p{number}", cpu=str(cpu)))
        fits = [slot for slot, capacity in enumerate(capacities) if capacity - used[slot] >= cpu]
        assert decision.filtered.feasible.sum() == len(fits)
        if decision.node:
            slot = int(decision.node[1:])
            assert slot in fits
            lab.state.add_pod(pod_info.build_pod_info(pod(f"p{number}", cpu=str(cpu))), decision.node)
            used[slot] += cpu
            placed[f"p{number}"] = (slot, cpu)
        if number in removed and placed:
            uid, (freed_slot, freed) = placed.popitem()
            lab.state.remove_pod(uid)
            used[freed_slot] -= freed


def test_counts_follow_the_labels_of_namespaces() -> None:
    """Terms with a namespaceSelector speak of other pods when a namespace's labels change."""
    lab = Lab(node("a"), node("b"))
    near = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "db"}},
        "namespaceSelector": {"matchLabels": {"team": "red"}},
    }

    def wants(kind: str) -> Pod:
        return pod("wants", affinity={kind: {"requiredDuringSchedulingIgnoredDuringExecution": [near]}})

    lab.state.add_pod(pod_info.build_pod_info(pod("db", labels={"app": "db"})), "a")
    assert not lab.schedule_pod(wants("podAffinity")).node
    lab.state.set_namespace_labels("ns", {"team": "red"})
    assert lab.schedule_pod(wants("podAffinity")).node == "a"
    assert lab.schedule_pod(wants("podAntiAffinity")).node == "b"
    lab.state.remove_pod("db")
    lab.state.add_pod(pod_info.build_pod_info(pod("db", labels={"app": "db"})), "b")
    assert lab.schedule_pod(wants("podAffinity")).node == "b"
    lab.state.set_namespace_labels("ns", {})
    assert not lab.schedule_pod(wants("podAffinity")).node
    assert lab.schedule_pod(wants("podAntiAffinity")).filtered.feasible.sum() == 2


def test_a_node_that_has_the_image_is_preferred_until_it_loses_it() -> None:
    def with_images(name: str, *names: str) -> Node:
        made = node(name)
        images = [{"names": [each], "sizeBytes": 500 * 1024 * 1024} for each in names]
        made.status = msgspec.convert({"allocatable": made.status.allocatable, "images": images}, NodeStatus)
        return made

    lab = Lab(with_images("a"), with_images("b", "web:latest"), with_images("c"))
    wants = pod()
    wants.spec.containers[0].image = "web"
    assert {lab.schedule_pod(wants).node for _ in range(10)} == {"b"}
    lab.state.set_node(with_images("b"))
    lab.state.set_node(with_images("a", "web:latest"))
    assert {lab.schedule_pod(wants).node for _ in range(10)} == {"a"}
    lab.state.remove_node("a")
    assert {lab.schedule_pod(wants).node for _ in range(20)} == {"b", "c"}
