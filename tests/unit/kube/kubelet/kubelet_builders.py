"""Pods and runtime states for tests."""

from typing import Any

from kprov.kube.kubelet.cri.pod_state import EXITED, RUNNING, ContainerStatus, PodState, SandboxStatus


def pod(*containers: dict[str, Any], init: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod with these containers (one named c without any)."""
    return {
        "metadata": {"name": "p", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": {
            "restartPolicy": "Always",
            "containers": list(containers) or [container()],
            **({"initContainers": init} if init else {}),
            **spec,
        },
    }


def container(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox:1.36", **fields}


def running(name: str = "c", **fields: Any) -> ContainerStatus:
    return ContainerStatus(
        **{"id": f"{name}-1", "name": name, "state": RUNNING, "started_at": 10**18, **fields}
    )


def exited(name: str = "c", code: int = 0, **fields: Any) -> ContainerStatus:
    defaults = {
        "id": f"{name}-1",
        "name": name,
        "state": EXITED,
        "exit_code": code,
        "started_at": 10**18,
        "finished_at": 10**18 + 10**9,
        "reason": "Error" if code else "Completed",
    }
    return ContainerStatus(**{**defaults, **fields})


def state(*containers: ContainerStatus, ready: bool = True, sandboxes: int = 1) -> PodState:
    """A pod in the runtime, its newest sandbox ready."""
    made = [
        SandboxStatus(f"s{index}", ready, index, index, ["10.1.0.5"], False) for index in range(sandboxes)
    ]
    return PodState("u1", "p", "default", made[::-1], list(containers))
