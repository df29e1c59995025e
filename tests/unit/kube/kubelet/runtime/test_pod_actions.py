"""What is done to a pod's sandbox and containers."""

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.pods.container_hash import hash_container
from kprov.kube.kubelet.runtime.pod_actions import PodActions, ProbeResult, compute_pod_actions
from tests.unit.kube.kubelet.kubelet_builders import container, exited, pod, running, state


def nothing_known(_: str) -> bool | None:
    return None


def compute(pod: Pod, state: PodState, **probes: bool) -> PodActions:
    def get_results(kind: str) -> ProbeResult:
        return (lambda _: probes[kind]) if kind in probes else nothing_known

    return compute_pod_actions(pod, state, liveness=get_results("liveness"), startup=get_results("startup"))


def names(containers: list[Container]) -> list[str]:
    return [item.name for item in containers]


def test_a_new_pod_gets_a_sandbox_and_its_containers() -> None:
    todo = compute(pod(container("a"), container("b")), PodState(PodUID("u1")))
    assert (todo.create_sandbox, todo.attempt, names(todo.to_start)) == (True, 0, ["a", "b"])


def test_a_running_pod_is_left_alone() -> None:
    assert compute(pod(), state(running())) == PodActions()


def test_a_dead_sandbox_is_replaced_with_the_next_attempt() -> None:
    todo = compute(pod(), state(exited(code=137), ready=False))
    assert (todo.kill_pod, todo.create_sandbox, todo.attempt) == (True, True, 1)


def test_a_pod_that_ran_and_never_restarts_gets_no_new_sandbox() -> None:
    todo = compute(pod(restartPolicy="Never"), state(exited(), ready=False))
    assert (todo.kill_pod, todo.create_sandbox) == (True, False)


def test_exited_containers_start_again_by_their_policy() -> None:
    assert names(compute(pod(), state(exited())).to_start) == ["c"]
    assert names(compute(pod(restartPolicy="OnFailure"), state(exited(code=1))).to_start) == ["c"]
    done = compute(pod(restartPolicy="OnFailure"), state(exited()))
    assert (done.to_start, done.kill_pod) == ([], True)


def test_a_container_that_fails_its_liveness_probe_is_killed_and_started() -> None:
    todo = compute(pod(), state(running()), liveness=False)
    assert [(kill.message, kill.reason) for kill in todo.to_kill] == [
        ("Container c failed liveness probe, will be restarted", "LivenessProbe")
    ]
    assert names(todo.to_start) == ["c"]


def test_a_container_with_another_image_is_replaced() -> None:
    old = hash_container(container(image="busybox:1.35"))
    todo = compute(pod(), state(running(hash=old)))
    assert [kill.message for kill in todo.to_kill] == ["Container c definition changed, will be restarted"]


def test_init_containers_run_one_after_the_other() -> None:
    wanted = pod(init=[container("i1"), container("i2")])
    assert names(compute(wanted, PodState(PodUID("u1"))).init_to_start) == ["i1"]
    assert compute(wanted, state(running("i1"))) == PodActions()
    second = compute(wanted, state(exited("i1")))
    assert (names(second.init_to_start), second.to_start) == (["i2"], [])
    assert names(compute(wanted, state(exited("i1"), exited("i2"))).to_start) == ["c"]


def test_a_failed_init_container_ends_a_pod_that_never_restarts() -> None:
    todo = compute(pod(init=[container("i")], restartPolicy="Never"), state(exited("i", 1)))
    assert (todo.kill_pod, todo.init_to_start) == (True, [])


def test_what_follows_a_sidecar_waits_for_its_startup_probe() -> None:
    sidecar = container("s", restartPolicy="Always", startupProbe={"exec": {}})
    wanted = pod(init=[sidecar])
    assert compute(wanted, state(running("s"))).to_start == []
    assert names(compute(wanted, state(running("s")), startup=True).to_start) == ["c"]


def test_a_sidecar_that_ended_starts_again_beside_the_app() -> None:
    wanted = pod(init=[container("s", restartPolicy="Always")])
    todo = compute(wanted, state(exited("s"), running()))
    assert (names(todo.init_to_start), todo.to_kill) == (["s"], [])
