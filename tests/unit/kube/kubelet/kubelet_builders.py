"""Pods and runtime states for tests."""

from typing import Any

import msgspec

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.cri.pod_state import EXITED, RUNNING, ContainerState, PodState, SandboxState
from kprov.kube.machinery.json_object import JsonObject


def pod(*containers: Container, init: list[Container] | None = None, **spec: Any) -> Pod:
    """A pod with these containers (one named c without any)."""
    return convert(pod_document(*containers, init=init, **spec), Pod)


def pod_document(*containers: Container, init: list[Container] | None = None, **spec: Any) -> JsonObject:
    """The same pod as the API server has it."""
    document: JsonObject = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": {
            "restartPolicy": "Always",
            "containers": msgspec.to_builtins(list(containers) or [container()]),
            **({"initContainers": msgspec.to_builtins(init)} if init else {}),
            **spec,
        },
    }
    return document


def container(name: str = "c", **fields: Any) -> Container:
    return convert({"name": name, "image": "busybox:1.36", **fields}, Container)


def running(name: str = "c", **fields: Any) -> ContainerState:
    return ContainerState(
        **{
            "id": f"{name}-1",
            "name": name,
            "state": RUNNING,
            "runtime": "containerd",
            "started_at": 10**18,
            **fields,
        }
    )


def exited(name: str = "c", code: int = 0, **fields: Any) -> ContainerState:
    defaults = {
        "id": f"{name}-1",
        "name": name,
        "state": EXITED,
        "runtime": "containerd",
        "exit_code": code,
        "started_at": 10**18,
        "finished_at": 10**18 + 10**9,
        "reason": "Error" if code else "Completed",
    }
    return ContainerState(**{**defaults, **fields})


def state(*containers: ContainerState, ready: bool = True, sandboxes: int = 1) -> PodState:
    """A pod in the runtime, its newest sandbox ready."""
    made = [SandboxState(f"s{index}", ready, index, index, ["10.1.0.5"], False) for index in range(sandboxes)]
    return PodState(PodUID("u1"), "p", "default", made[::-1], list(containers))
