"""Phase, conditions and container statuses of a pod."""

from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition, PodUID
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.runtime.waiting import Waiting
from kprov.kube.kubelet.status.patches import make_status_patch
from kprov.kube.kubelet.status.pod_status import generate_pod_status
from tests.unit.kube.kubelet.kubelet_builders import container, exited, pod, running, state


def ready_when_running(_: Pod, statuses: list[dict[str, Any]], __: dict[str, Any]) -> None:
    for status in statuses:
        status["started"] = bool(status["state"].get("running"))
        terminated = status["state"].get("terminated")
        done = bool(terminated and terminated["exitCode"] == 0 and status["name"].startswith("i"))
        status["ready"] = status["started"] or done


def make_status(
    pod: Pod,
    state: PodState,
    old: dict[str, Any] | None = None,
    waiting: dict[str, Waiting] | None = None,
    *,
    terminal: bool = False,
) -> dict[str, Any]:
    return generate_pod_status(
        pod,
        state,
        old=old or {},
        waiting=waiting or {},
        host_ips=["10.0.0.1"],
        update_ready=ready_when_running,
        terminal=terminal,
    )


def condition(status: dict[str, Any], kind: str) -> tuple[str, str, str]:
    found = next(item for item in status["conditions"] if item["type"] == kind)
    return found["status"], found.get("reason", ""), found.get("message", "")


def test_a_running_pod() -> None:
    status = make_status(pod(), state(running()))
    assert (status["phase"], status["podIP"], status["hostIP"]) == ("Running", "10.1.0.5", "10.0.0.1")
    assert (status["qosClass"], status["observedGeneration"]) == ("BestEffort", 1)
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        assert condition(status, kind) == ("True", "", "")
    assert status["containerStatuses"][0]["containerID"] == "containerd://c-1"


def test_a_mount_is_recursively_read_only_if_the_runtime_made_it_so() -> None:
    mount = {"name": "data", "mountPath": "/data", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    for made, mode in ((frozenset({"/data"}), "Enabled"), (frozenset[str](), "Disabled")):
        status = make_status(pod(container(volumeMounts=[mount])), state(running(recursive_mounts=made)))
        assert status["containerStatuses"][0]["volumeMounts"] == [{**mount, "recursiveReadOnly": mode}]


def test_a_pod_whose_containers_are_not_made_yet() -> None:
    status = make_status(pod(), PodState(PodUID("u1")))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    text = "containers with unready status: [c]"
    assert condition(status, "Ready") == ("False", "ContainersNotReady", text)
    assert condition(status, "PodReadyToStartContainers")[0] == "False"


def test_a_container_that_waits_says_why_and_how_it_ended() -> None:
    waiting = {"c": Waiting("CrashLoopBackOff", "back-off 10s restarting failed container=c pod=p")}
    found = make_status(pod(), state(exited(code=3, restart_count=2)), waiting=waiting)["containerStatuses"][
        0
    ]
    assert found["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert found["restartCount"] == 2


@pytest.mark.parametrize(
    ("policy", "codes", "phase"),
    [
        ("Always", [0], "Running"),
        ("OnFailure", [1], "Running"),
        ("OnFailure", [0, 0], "Succeeded"),
        ("Never", [0, 0], "Succeeded"),
        ("Never", [0, 1], "Failed"),
    ],
)
def test_the_phase_after_all_containers_ended(policy: str, codes: list[int], phase: str) -> None:
    names = [f"c{index}" for index in range(len(codes))]
    wanted = pod(*map(container, names), restartPolicy=policy)
    ended = [exited(name, code) for name, code in zip(names, codes, strict=True)]
    assert make_status(wanted, state(*ended))["phase"] == phase


def test_a_terminated_pod_that_would_restart_has_succeeded_or_failed() -> None:
    assert make_status(pod(), state(exited()), terminal=True)["phase"] == "Succeeded"
    assert make_status(pod(), state(exited(code=137)), terminal=True)["phase"] == "Failed"


def test_init_containers_hold_the_pod_pending() -> None:
    wanted = pod(init=[container("i")])
    status = make_status(wanted, state(running("i")))
    assert status["phase"] == "Pending"
    text = "containers with incomplete status: [i]"
    ready_already = {**status["initContainerStatuses"][0], "ready": False}
    assert ready_already["state"]["running"]
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    failed = make_status(pod(init=[container("x")]), state(exited("x", 1)))
    assert condition(failed, "Initialized") == (
        "False",
        "ContainersNotInitialized",
        text.replace("[i]", "[x]"),
    )


def test_a_failed_init_container_fails_a_pod_that_never_restarts() -> None:
    wanted = pod(init=[container("i")], restartPolicy="Never")
    assert make_status(wanted, state(exited("i", 1)))["phase"] == "Failed"


def test_a_final_phase_is_kept_for_ever() -> None:
    old = {"phase": "Failed", "reason": "DeadlineExceeded", "message": "too long"}
    status = make_status(pod(), state(running()), old)
    assert (status["phase"], status["reason"], status["message"]) == (
        "Failed",
        "DeadlineExceeded",
        "too long",
    )


def test_addresses_outlive_the_sandbox() -> None:
    status = make_status(pod(), state(exited(), ready=False), {"podIPs": [{"ip": "10.1.0.9"}]})
    assert status["podIP"] == "10.1.0.9"


def test_a_lost_container_is_counted() -> None:
    old = {
        "containerStatuses": [
            {"name": "c", "restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        ]
    }
    found = make_status(pod(), state(), old)["containerStatuses"][0]
    assert (found["restartCount"], found["lastState"]["terminated"]["exitCode"]) == (2, 137)


def test_readiness_gates_of_others_are_waited_for() -> None:
    wanted = pod(readinessGates=[{"conditionType": "example.com/up"}])
    text = 'corresponding condition of pod readiness gate "example.com/up" does not exist.'
    assert condition(make_status(wanted, state(running())), "Ready") == (
        "False",
        "ReadinessGatesNotReady",
        text,
    )
    wanted.status.conditions = [Condition(type="example.com/up", status="True")]
    assert condition(make_status(wanted, state(running())), "Ready")[0] == "True"


def test_a_status_patch_has_only_changes_and_null_for_removed_fields() -> None:
    api = {
        "phase": "Pending",
        "qosClass": "BestEffort",
        "conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": "M"}],
        "podIPs": [{"ip": "1"}],
    }
    wanted = {
        "phase": "Running",
        "qosClass": "BestEffort",
        "conditions": [{"type": "Ready", "status": "True"}],
        "podIPs": [{"ip": "2"}],
    }
    assert make_status_patch(api, wanted) == {
        "phase": "Running",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": None, "message": None, "lastProbeTime": None}
        ],
        "podIPs": [{"ip": "2"}, {"$patch": "replace"}],
    }
    assert make_status_patch(wanted, wanted) == {}
