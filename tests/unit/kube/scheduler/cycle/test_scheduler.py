"""The scheduler over a server: what happens while a binding is under way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kprov.kube.scheduler.informers.scheduler_informers import SchedulerInformers
from tests.unit.kube.controller_manager.conftest import Refused
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler


class RefusingServer(BindingServer):
    """Refuses the first binding once `answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def handle_binding(self, name: str, node: str) -> None:
        if len(self.targets) == 1:
            await self.answer.wait()
            raise Refused(409, "Conflict")
        await super().handle_binding(name, node)


@pytest.fixture
async def server() -> AsyncIterator[RefusingServer]:
    made = RefusingServer()
    async with served(made.handle) as made.port:
        yield made


@pytest.fixture
async def sources(server: RefusingServer) -> AsyncIterator[SchedulerInformers]:
    """Those of a scheduler that runs."""
    await create_node(server, "a", disk="ssd")
    await create_node(server, "b", disk="hdd")
    async with run_scheduler(server) as sources:
        yield sources


async def test_a_pod_that_changes_while_it_is_bound_is_decided_on_anew(
    server: RefusingServer, sources: SchedulerInformers
) -> None:
    """Its binding fails: the next decision sees the pod as it is now, without waiting for anything else."""
    spec: dict[str, Any] = {
        "schedulerName": "default-scheduler",
        "containers": [{"name": "c", "image": "i"}],
        "nodeSelector": {"disk": "ssd"},
    }
    seen = asyncio.Event()
    sources.pods.add_handler(on_update=lambda _old, _new: seen.set())
    await server.create("pods", {"metadata": {"name": "p"}, "spec": spec})
    await server.until(lambda: server.targets)
    await server.change("pods", "p", {"spec": {"nodeSelector": {"disk": "hdd"}}})
    await asyncio.wait_for(seen.wait(), 5)
    server.answer.set()
    bound = await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName"))
    assert (server.targets, bound) == (["a", "b"], "b")


SPEC: dict[str, Any] = {
    "schedulerName": "default-scheduler",
    "containers": [{"name": "c", "image": "i"}],
}
SELECTED = "volume.kubernetes.io/selected-node"


async def create_waiting_claim(server: RefusingServer) -> None:
    """A claim that waits for its first consumer, and a pod that uses it."""
    server.answer.set()
    server.targets.append("")  # No binding is refused.
    mode = {"provisioner": "example.com/disks", "volumeBindingMode": "WaitForFirstConsumer"}
    await server.create("storageclasses", {"metadata": {"name": "slow"}} | mode)
    claim = {"storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}
    await server.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": claim})
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    spec = SPEC | {"volumes": volumes, "nodeSelector": {"disk": "hdd"}}
    await server.create("pods", {"metadata": {"name": "p"}, "spec": spec})


def get_selected_node(server: RefusingServer) -> str:
    claim = server.get("persistentvolumeclaims", "data")
    return str((claim["metadata"].get("annotations") or {}).get(SELECTED, ""))


async def test_a_pod_is_bound_once_its_claim_is(server: RefusingServer, sources: SchedulerInformers) -> None:
    """While its volume is being made, other pods are scheduled."""
    assert not sources.pods.list()
    await create_waiting_claim(server)
    assert await server.until(lambda: get_selected_node(server)) == "b"
    await server.create("pods", {"metadata": {"name": "other"}, "spec": SPEC})
    await server.until(lambda: server.get("pods", "other")["spec"].get("nodeName"))
    assert not server.get("pods", "p")["spec"].get("nodeName")
    volume = {"claimRef": {"namespace": "default", "name": "data"}, "storageClassName": "slow"}
    await server.create("persistentvolumes", {"metadata": {"name": "pv"}, "spec": volume})
    bound = {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
    change = {"metadata": bound, "spec": {"volumeName": "pv"}}
    await server.change("persistentvolumeclaims", "data", change)
    assert await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName")) == "b"


async def test_a_provisioner_that_cannot_sends_the_pod_to_another_node(
    server: RefusingServer, sources: SchedulerInformers
) -> None:
    """It takes the selected node back. The pod says why it still waits, and is scheduled again."""
    assert not sources.pods.list()
    await create_waiting_claim(server)
    await server.until(lambda: get_selected_node(server))
    await server.change("persistentvolumeclaims", "data", {"metadata": {"annotations": {SELECTED: None}}})

    def find_condition() -> Any:
        conditions = server.get("pods", "p").get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["reason"] == "SchedulerError"), None)

    condition = await server.until(find_condition)
    assert condition["message"] == (
        'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"'
    )
    assert await server.until(lambda: get_selected_node(server)) == "b"
