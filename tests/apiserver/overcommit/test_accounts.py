"""The checker finds what it is for."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.overcommit.accounts import Accounts, compute_requests, reduce_node, reduce_pod

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


def place_pod(name: str, *, seen: float, scheduler: str, cpu: str) -> tuple[str, JsonObject]:
    return "ADDED", build_pod(name, cpu=cpu) | {"seen": seen, "scheduler": scheduler}


def resize_node(version: int, seen: float, cpu: str) -> tuple[str, JsonObject]:
    node = build_node(cpu=cpu) | {"seen": seen}
    node["metadata"]["resourceVersion"] = str(version)
    return "MODIFIED", node


def find_problems(*events: tuple[str, JsonObject], **amounts: str) -> list[str]:
    nodes = [("ADDED", build_node(**({"cpu": "2"} | amounts)))]
    return Accounts().replay(events, nodes).problems


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


def test_what_others_have_just_bound_or_resized_may_be_unknown() -> None:
    nodes = [resize_node(1, 0.0, "2")]
    for scheduler, seconds, count in (("own", 1.0, 1), ("other", 1.0, 0), ("other", 9.0, 1)):
        first = place_pod("p", seen=10.0, scheduler=scheduler, cpu="2")
        second = place_pod("q", seen=10.0 + seconds, scheduler="own", cpu="1")
        accounts = Accounts(late_seconds=5.0).replay([first, second], nodes)
        assert len(accounts.problems) == count, (scheduler, seconds)
    smaller = [*nodes, resize_node(2, 10.0, "1")]
    for seen, count in ((12.0, 0), (16.0, 1)):
        pod = place_pod("p", seen=seen, scheduler="own", cpu="2")
        assert len(Accounts(late_seconds=5.0).replay([pod], smaller).problems) == count
