"""The plan of a drain says what happens to each pod, by kubectl's rules."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.operations.nodes.drain import describe_pod, is_irreplaceable

REPLICA_SET = {"kind": "ReplicaSet", "name": "web-1", "controller": True}
DAEMON_SET = {"kind": "DaemonSet", "name": "agent", "controller": True}
NO_CONTROLLER = {"kind": "Node", "name": "node1"}
EMPTY_DIR = {"name": "scratch", "emptyDir": {}}


def make_pod(
    owner: dict[str, Any] | None = None, volumes: list[dict[str, Any]] | None = None, phase: str = "Running"
) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": "web", "ownerReferences": [owner] if owner else []},
        "spec": {"volumes": volumes or []},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("pod", "text"),
    [
        (make_pod(REPLICA_SET), "evict pod shop/web"),
        (
            make_pod(REPLICA_SET, [EMPTY_DIR]),
            "evict pod shop/web, which loses the data of its emptyDir volumes",
        ),
        (make_pod(), "evict pod shop/web, which no controller replaces"),
        (
            make_pod(NO_CONTROLLER, [EMPTY_DIR]),
            "evict pod shop/web, which loses the data of its emptyDir volumes and which no controller replaces",
        ),
        (make_pod(DAEMON_SET, [EMPTY_DIR]), ""),
        (make_pod(None, [EMPTY_DIR], "Succeeded"), "evict pod shop/web, which has finished"),
        (make_pod(DAEMON_SET, phase="Failed"), "evict pod shop/web, which has finished"),
    ],
)
def test_the_plan_says_what_a_pod_loses(pod: dict[str, Any], text: str) -> None:
    assert describe_pod(pod) == text


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (make_pod(), True),
        (make_pod(NO_CONTROLLER), True),
        (make_pod(REPLICA_SET), False),
        (make_pod(DAEMON_SET), False),
        (make_pod(phase="Failed"), False),
    ],
)
def test_only_force_deletes_running_pods_without_a_controller(pod: dict[str, Any], expected: bool) -> None:
    assert is_irreplaceable(pod) is expected


def test_a_static_pod_stays() -> None:
    pod = make_pod()
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "1"}
    assert (describe_pod(pod), is_irreplaceable(pod)) == ("", False)
