"""Sandboxes and containers of tests, as the kubelet makes them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient

_SECONDS = 60.0


@dataclass(frozen=True)
class Sandbox:
    id: str
    config: pb.PodSandboxConfig


class PodMaker:
    """Its sandboxes are removed after the test."""

    def __init__(self, cri: CriClient, image: str, folder: Path) -> None:
        self.cri = cri
        self._image = image
        self._folder = folder
        self._sandboxes: list[str] = []

    def make_sandbox_config(self, name: str = "pod", attempt: int = 0) -> pb.PodSandboxConfig:
        uid = str(uuid.uuid4())
        logs = self._folder / "logs" / uid
        logs.mkdir(parents=True)
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=name, namespace="space", uid=uid, attempt=attempt),
            hostname=name,
            log_directory=str(logs),
            dns_config=pb.DNSConfig(
                servers=["10.96.0.10"], searches=["a.test", "b.test"], options=["ndots:5"]
            ),
            labels={"io.kubernetes.pod.uid": uid, "app": name},
            annotations={"note": "with spaces"},
            linux=pb.LinuxPodSandboxConfig(
                security_context=pb.LinuxSandboxSecurityContext(
                    namespace_options=pb.NamespaceOption(pid=pb.CONTAINER),
                    seccomp=pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault),
                )
            ),
        )

    async def run_sandbox(self, config: pb.PodSandboxConfig | None = None) -> Sandbox:
        config = config or self.make_sandbox_config()
        sandbox_id = await self.cri.run_pod_sandbox(config)
        self._sandboxes.append(sandbox_id)
        return Sandbox(sandbox_id, config)

    def make_config(
        self, script: str = "sleep 1000", name: str = "main", attempt: int = 0
    ) -> pb.ContainerConfig:
        """A container that runs a script."""
        return pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name, attempt=attempt),
            image=pb.ImageSpec(image=self._image),
            command=["/bin/sh", "-c", script],
            labels={"io.kubernetes.container.name": name},
            annotations={"io.kubernetes.container.hash": "abc"},
            log_path=f"{name}/{attempt}.log",
            linux=pb.LinuxContainerConfig(
                security_context=pb.LinuxContainerSecurityContext(
                    namespace_options=pb.NamespaceOption(pid=pb.CONTAINER),
                )
            ),
        )

    async def create(self, sandbox: Sandbox, config: pb.ContainerConfig) -> str:
        return await self.cri.create_container(sandbox.id, config, sandbox.config)

    async def start(self, sandbox: Sandbox, config: pb.ContainerConfig) -> str:
        container_id = await self.create(sandbox, config)
        await self.cri.start_container(container_id)
        return container_id

    async def run(self, sandbox: Sandbox, config: pb.ContainerConfig) -> tuple[pb.ContainerStatus, str]:
        """Start a container, wait for its end, and return its status and its log without Docker's frames."""
        container_id = await self.start(sandbox, config)
        status = await self.wait_for(container_id, lambda status: status.state == pb.CONTAINER_EXITED)
        return status, read_log(status.log_path)

    async def wait_for(
        self, container_id: str, check: Callable[[pb.ContainerStatus], bool]
    ) -> pb.ContainerStatus:
        async with asyncio.timeout(_SECONDS):
            while True:
                status = await self.cri.container_status(container_id)
                if check(status):
                    return status
                await asyncio.sleep(0.05)

    async def remove_all(self) -> None:
        for sandbox_id in self._sandboxes:
            await self.cri.stop_pod_sandbox(sandbox_id)
            await self.cri.remove_pod_sandbox(sandbox_id)


def read_log(path: str) -> str:
    """Return the text of a log in CRI's format or Docker's (an object with `log` in each line)."""
    import json

    text = ""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        text += json.loads(line)["log"] if line.startswith("{") else line.split(" ", 3)[3] + "\n"
    return text
