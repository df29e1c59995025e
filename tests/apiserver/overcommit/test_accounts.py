"""The checker finds what it is for."""

from __future__ import annotations

import itertools
import logging
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.api.core import Node, Pod
from kprov.kube.api.meta import ObjectMeta, ResourceVersion
from kprov.kube.client import Informer, RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.component_base.logs import KlogFormatter
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.attempts.decision_log import DecisionLog
from tests.apiserver.overcommit.accounts import Accounts, compute_requests, reduce_node, reduce_pod
from tests.apiserver.overcommit.decisions import Decision, assume_decisions, read_decisions

_VERSIONS = itertools.count(100)


def build_node(**amounts: str) -> JsonObject:
    metadata = {"name": "a", "uid": "a", "resourceVersion": "1"}
    return reduce_node({"metadata": metadata, "status": {"allocatable": {"pods": "3"} | amounts}})


def build_pod(name: str, *, port: JsonObject | None = None, phase: str = "", **requests: str) -> JsonObject:
    container: dict[str, Any] = {"resources": {"requests": requests}}
    if port:
        container["ports"] = [port]
    metadata = {"name": name, "uid": name, "resourceVersion": str(next(_VERSIONS))}
    return reduce_pod(
        {
            "metadata": metadata,
            "spec": {"nodeName": "a", "containers": [container]},
            "status": {"phase": phase},
        }
    )


def place_pod(name: str, *, version: int, cpu: str) -> tuple[str, JsonObject]:
    pod = build_pod(name, cpu=cpu)
    pod["metadata"]["resourceVersion"] = str(version)
    return "ADDED", pod


def resize_node(version: int, cpu: str, kind: str = "MODIFIED") -> tuple[str, JsonObject]:
    node = build_node(cpu=cpu)
    node["metadata"]["resourceVersion"] = str(version)
    return kind, node


def decide(
    name: str, time: float, *, nodes: int, pods: int = 0, scheduler: str = "own", node: str = "a"
) -> Decision:
    """nodes, pods: the resource versions that the scheduler knows."""
    return Decision(scheduler, time, name, node, nodes, pods)


def find_problems(*events: tuple[str, JsonObject], **amounts: str) -> list[str]:
    """The decisions are those of one scheduler, in the order of the events."""
    nodes = [("ADDED", build_node(**({"cpu": "2"} | amounts)))]
    names = dict.fromkeys(pod["metadata"]["name"] for _, pod in events)
    decisions = [decide(name, number, nodes=1) for number, name in enumerate(names)]
    return Accounts(decisions).replay(events, nodes).problems


def test_a_pod_too_many_is_found_for_each_kind_of_resource() -> None:
    assert not find_problems(("ADDED", build_pod("p", cpu="1")), ("ADDED", build_pod("q", cpu="1000m")))
    for resource, amount in {"cpu": "1001m", "memory": "600Mi", "example.com/gpu": "2"}.items():
        requests: dict[str, Any] = {resource: amount}
        pods = [("ADDED", build_pod(name, **requests)) for name in "pq"]
        (problem,) = find_problems(*pods, memory="1Gi", **{"example.com/gpu": "3"})
        assert resource in problem
    (problem,) = find_problems(*[("ADDED", build_pod(name)) for name in "pqrs"])
    assert "s on a: pods 4 > 3" in problem


def test_only_pods_that_are_gone_or_finished_give_their_place_back() -> None:
    first = build_pod("p", cpu="2")
    for kind, phase, count in (("DELETED", "", 0), ("MODIFIED", "Failed", 0), ("MODIFIED", "Running", 1)):
        end = build_pod("p", cpu="2", phase=phase)
        problems = find_problems(("ADDED", first), (kind, end), ("ADDED", build_pod("q", cpu="2")))
        assert len(problems) == count


def test_host_ports_meet_on_the_same_and_on_any_address() -> None:
    port = {"hostPort": 80, "hostIP": "192.0.2.1"}
    first = ("ADDED", build_pod("p", port=port))
    for other, count in (
        (port, 1),
        ({"hostPort": 80}, 1),
        ({**port, "hostIP": "192.0.2.2"}, 0),
        ({**port, "protocol": "UDP"}, 0),
        ({**port, "hostPort": 81}, 0),
    ):
        assert len(find_problems(first, ("ADDED", build_pod("q", port=other)))) == count


def test_init_containers_count_with_the_sidecars_before_them() -> None:
    def build(cpu: str, **more: str) -> JsonObject:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "containers": [build("1"), build("500m")],
        "initContainers": [build("2"), build("1", restartPolicy="Always"), build("2")],
    }
    assert compute_requests(spec)["cpu"] == Decimal(3)
    assert compute_requests({**spec, "containers": [build("3")]})["cpu"] == Decimal(4)


def test_a_binding_of_another_scheduler_counts_once_its_event_was_delivered() -> None:
    nodes = [resize_node(1, "2")]
    for scheduler, version, count in (("own", 10, 1), ("other", 10, 0), ("other", 11, 1)):
        events = [place_pod("p", version=11, cpu="2"), place_pod("q", version=12, cpu="1")]
        decisions = [decide("p", 1.0, nodes=1, scheduler=scheduler), decide("q", 2.0, nodes=1, pods=version)]
        assert len(Accounts(decisions).replay(events, nodes).problems) == count, (scheduler, version)


def test_a_node_that_shrank_counts_from_the_delivery_of_the_event_on() -> None:
    nodes = [resize_node(1, "2"), resize_node(10, "1")]
    nodes[1][1]["seen"] = time.time() - 3.0
    for known, count in ((9, 0), (10, 1)):
        accounts = Accounts([decide("p", nodes[1][1]["seen"] + 3.0, nodes=known)])
        accounts.replay([place_pod("p", version=12, cpu="2")], nodes)
        assert len(accounts.problems) == count, known
        assert all("since resource version 10, 3." in problem for problem in accounts.problems)
        assert accounts.crossed == 1 - count
        assert (accounts.lateness > 2.5) == (not count)


def test_a_node_that_is_known_to_be_gone_must_not_be_chosen() -> None:
    nodes = [resize_node(2, "2"), resize_node(10, "2", "DELETED")]
    for known, count in ((1, 1), (9, 0), (10, 1)):
        events = [place_pod("p", version=12, cpu="1")]
        assert len(Accounts([decide("p", 1.0, nodes=known)]).replay(events, nodes).problems) == count, known


def test_the_later_of_two_decisions_counts_the_earlier_one_also_if_its_binding_is_first() -> None:
    nodes = [resize_node(1, "3"), resize_node(10, "2")]
    decisions = [decide("p", 1.0, nodes=9), decide("q", 2.0, nodes=10)]
    events = [place_pod("q", version=12, cpu="1"), place_pod("p", version=13, cpu="2")]
    (problem,) = Accounts(decisions).replay(events, nodes).problems
    assert "revision 13: q on a: cpu 3 > 2" in problem


def test_a_binding_that_no_scheduler_decided_is_a_problem() -> None:
    for decision in (decide("other", 1.0, nodes=1), decide("p", 1.0, nodes=1, node="b")):
        accounts = Accounts([decision]).replay([place_pod("p", version=12, cpu="1")], [resize_node(1, "2")])
        assert accounts.problems == ["revision 12: no scheduler chose a for p"]


def test_decisions_are_read_from_the_log_of_a_scheduler(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = RestClient(ClientConfig(server="http://127.0.0.1:1"))
    nodes = Informer(client.resource("", "v1", "nodes", Node))
    pods = Informer(client.resource("", "v1", "pods", Pod))
    nodes.store.put(Node(metadata=ObjectMeta(name="a", resource_version=ResourceVersion("21"))))
    pod = Pod(metadata=ObjectMeta(name="p", namespace="default", uid="u"))
    with caplog.at_level(logging.DEBUG):
        DecisionLog(nodes, pods).record(pod, "a")
    log = tmp_path / "scheduler.log"
    log.write_text(f"{KlogFormatter(journal=False).format(caplog.records[-1])}\n")
    (decision,) = read_decisions([log])
    assert (decision.uid, decision.node, decision.node_version, decision.pods_version) == ("u", "a", 21, 0)
    assert decision.scheduler == f"scheduler.log {os.getpid()}"
    assert abs(decision.time - caplog.records[-1].created) < 0.001


def test_a_scheduler_without_a_log_knows_what_is_old_enough() -> None:
    nodes, pods = [resize_node(1, "2"), resize_node(10, "1")], [place_pod("p", version=12, cpu="2")]
    for seconds, known in ((4.0, 1), (6.0, 10)):
        pods[0][1]["seen"] = nodes[1][1]["seen"] + seconds
        nodes[0][1]["seen"] = 0.0
        (decision,) = assume_decisions(pods, nodes, 5.0)
        assert decision.node_version == known
