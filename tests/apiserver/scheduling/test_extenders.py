"""Extenders: HTTP services filter, score, preempt and bind for pods that request their resources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.scheduling.conftest import NODES, Space
from tests.apiserver.scheduling.extender_server import MANAGED, SECURE, WHOLE, ExtenderServer
from tests.builders.pods import build_pod


@pytest.fixture(autouse=True)
def _clean(space: Space) -> Iterator[None]:
    """Pods that stay would be victims in other tests."""
    yield
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")


def create_pod(space: Space, name: str, resource: str, labels: dict[str, str], own: str = "") -> None:
    """own: how much of the resource of the space it requests, too."""
    amounts = {resource: "1"} | ({space.resource: own} if own else {})
    body = build_pod(name, labels=labels, requests=amounts, limits=amounts, priorityClassName="high")
    ok(space.server, "POST", space.pods, body)


def get_node(space: Space, name: str) -> str:
    space.run_pods(name)
    return str(space.get_pod(name)["spec"]["nodeName"])


def test_an_extender_filters_nodes_and_binds(space: Space, extender: ExtenderServer) -> None:
    for number, node in enumerate(NODES):
        create_pod(space, f"p{number}", MANAGED, {"only": node})
        assert get_node(space, f"p{number}") == node
        call = extender.list_calls("filter", f"p{number}")[-1]
        assert sorted(call["NodeNames"]) == list(NODES)
        assert not call["Nodes"]
        assert [each["Node"] for each in extender.list_calls("bind", f"p{number}")] == [node]


def test_an_extender_without_a_cache_gets_whole_nodes(space: Space, extender: ExtenderServer) -> None:
    create_pod(space, "whole", WHOLE, {"only": NODES[1]})
    assert get_node(space, "whole") == NODES[1]
    call = extender.list_calls("filter", "whole")[-1]
    assert sorted(node["metadata"]["name"] for node in call["Nodes"]["items"]) == list(NODES)
    assert call["Nodes"]["items"][0]["status"]["allocatable"]
    assert not call["NodeNames"]
    assert not extender.list_calls("bind", "whole")


def test_an_extender_knows_the_scheduler_by_its_certificate(space: Space, extender: ExtenderServer) -> None:
    create_pod(space, "secure", SECURE, {"only": NODES[1]})
    assert get_node(space, "secure") == NODES[1]
    assert extender.list_calls("filter", "secure")
    assert extender.clients == {"kube-scheduler"}


def test_the_scores_of_an_extender_count_with_its_weight(space: Space, extender: ExtenderServer) -> None:
    for number in range(3):
        create_pod(space, f"s{number}", MANAGED, {"prefer": NODES[0]})
        assert get_node(space, f"s{number}") == NODES[0]
    assert extender.list_calls("prioritize", "s0")


def test_a_pod_that_the_extender_refuses_says_why(space: Space, extender: ExtenderServer) -> None:
    create_pod(space, "nowhere", MANAGED, {"nowhere": ""})
    condition = eventually(lambda: space.get_condition("nowhere", "PodScheduled"))
    assert condition["message"] == (
        "0/2 nodes are available: 2 the extender says no. no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
    )
    assert extender.list_calls("filter", "nowhere")


def test_an_extender_chooses_among_the_nodes_of_a_preemption(space: Space, extender: ExtenderServer) -> None:
    for node in NODES:
        space.add_resource(node, 1)
        space.create_pod(f"low-{node}", amount=1, priority="low", node=node)
    space.run_pods(*(f"low-{node}" for node in NODES))
    create_pod(space, "urgent", MANAGED, {"only": NODES[1]}, own="1")
    assert get_node(space, "urgent") == NODES[1]
    call = extender.list_calls("preempt", "urgent")[0]
    assert sorted(call["NodeNameToMetaVictims"]) == list(NODES)
    assert space.is_preempted(f"low-{NODES[1]}")
    assert not space.is_preempted(f"low-{NODES[0]}")


def test_an_extender_that_is_gone_is_skipped_if_it_may_be(space: Space) -> None:
    create_pod(space, "p", "example.com/nobody", {})
    assert get_node(space, "p") in NODES


def test_other_pods_are_not_sent_to_extenders(space: Space, extender: ExtenderServer) -> None:
    space.add_resource(NODES[0], 1)
    space.create_pod("other", amount=1, priority="low")
    space.run_pods("other")
    assert not [call for call in extender.calls if call[1] == "other"]
