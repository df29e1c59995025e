"""The kubelet's own server for one container whose runtime is only a log file."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.meta import NodeName
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.server.app import KubeletServer, PodSource
from tests.apiserver.servers import ApiServer, free_port

_CONTAINER = "c1"


class _Runtime:
    """A runtime with one container that runs and writes this log."""

    runtime_name = "containerd"

    def __init__(self, name: str, log: Path) -> None:
        self._status = pb.ContainerStatus(
            id=_CONTAINER,
            state=pb.CONTAINER_RUNNING,
            log_path=str(log),
            labels={pod_state.CONTAINER_NAME: name},
        )

    async def list_pod_sandboxes(self, _: dict[str, str]) -> list[pb.PodSandbox]:
        return []

    async def list_containers(self, _: dict[str, str]) -> list[pb.Container]:
        return [pb.Container(id=_CONTAINER)]

    async def container_status(self, _: str) -> pb.ContainerStatus:
        return self._status


class _Pods:
    """The pods of the kubelet: this one."""

    def __init__(self, pod: dict[str, Any]) -> None:
        self._pod = convert(pod, Pod)

    def find_pod(self, namespace: str, name: str) -> Pod | None:
        return self._pod if self._pod.key == f"{namespace}/{name}" else None


@contextlib.contextmanager
def kubelet_server(server: ApiServer, node: str, pod: dict[str, Any], log: Path) -> Iterator[None]:
    """That server, and the node object by which the API server finds it; the pod's first container has the log."""
    certificate, key = server.authority.issue(node, f"system:node:{node}", serves=True)
    config = KubeletConfiguration(
        node_name=NodeName(node),
        address="127.0.0.1",
        port=free_port(),
        tls_cert_file=str(certificate),
        tls_private_key_file=str(key),
        anonymous=True,
        authorization_mode="AlwaysAllow",
    )
    runtime = _Runtime(pod["spec"]["containers"][0]["name"], log)
    made = KubeletServer(config, cast("PodSource", _Pods(pod)), cast("CriClient", runtime), None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(20)
    assert server.post("/api/v1/nodes", {"metadata": {"name": node}}).status == 201
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
    }
    place = f"/api/v1/nodes/{node}"
    body = {"status": status}
    try:
        told = server.ask("PATCH", f"{place}/status", body, content_type="application/merge-patch+json")
        assert told.status == 200, told.body
        yield
    finally:
        server.ask("DELETE", place)
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
