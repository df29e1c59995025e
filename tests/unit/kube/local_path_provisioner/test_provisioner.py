"""The provisioner over a server: claims of this node get volumes, released volumes and their data go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.client import EventRecorder, InformerFactory, RestClient, run_workers
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.local_path_provisioner.directories import VolumeDirectories
from kprov.kube.local_path_provisioner.options import Options
from kprov.kube.local_path_provisioner.provisioner import Provisioner
from tests.unit.kube.controller_manager.conftest import ApiServer
from tests.unit.kube.http_server import served

UID = "0a1b2c3d-1111-2222-3333-444455556666"
NAME = f"pvc-{UID}"
DRIVER = "kprov.io/local-path"
SELECTED = "volume.kubernetes.io/selected-node"
ANNOTATIONS = {SELECTED: "n1", "volume.kubernetes.io/storage-provisioner": DRIVER}


class Cluster(ApiServer):
    """A server with a node and a class, and the provisioner of the node once `start` is called."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.provisioner: Provisioner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def prepare(self) -> None:
        node = {"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "host1"}}, "spec": {}}
        await self.create("nodes", node)
        await self.create("storageclasses", {"metadata": {"name": "local"}, "provisioner": DRIVER})

    async def create_claim(self, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        meta = {"name": "data", "annotations": ANNOTATIONS if annotations is None else annotations}
        requests = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
        body = {"metadata": meta, "spec": {"storageClassName": "local"} | requests | spec}
        await self.create("persistentvolumeclaims", body)
        await self.change("persistentvolumeclaims", "data", {"metadata": {"uid": UID}})

    async def _update(self, key: tuple[str, str, str], new: Any, part: str) -> Any:
        """The UID of the claim is set by the test."""
        if new["metadata"].get("uid") == UID:
            self.objects[key]["metadata"]["uid"] = UID
        return await super()._update(key, new, part)

    async def start(self, client: RestClient) -> None:
        options = Options(
            kubeconfig="",
            node_name="n1",
            provisioner_name=DRIVER,
            volumes_dir=self.folder,
            health_address="127.0.0.1",
            health_port=0,
            verbosity=0,
        )
        directories = VolumeDirectories(self.folder)
        directories.prepare()
        informers = InformerFactory(client)
        recorder = EventRecorder(client, component=DRIVER)
        made = self.provisioner = Provisioner(options, client, informers, recorder, directories)
        self._tasks.append(asyncio.create_task(informers.run(asyncio.Event())))
        await asyncio.wait_for(informers.wait_for_sync(), 5)
        self._tasks.append(asyncio.create_task(run_workers(made.queue, made.sync, workers=1, name="test")))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def find_volume(self) -> Any:
        return self.objects.get(("persistentvolumes", "", NAME))

    def list_events(self) -> list[tuple[str, str]]:
        return [(event["reason"], event["message"]) for event in self.list("events")]

    async def wait_for_event(self, reason: str) -> str:
        def find() -> str:
            return next((text for name, text in self.list_events() if name == reason), "")

        return str(await self.until(find))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path / "volumes")
    async with served(made.handle) as made.port:
        await made.prepare()
        yield made
        await made.stop()


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[RestClient]:
    async with RestClient(ClientConfig(server=f"http://127.0.0.1:{cluster.port}"), qps=0) as made:
        yield made


async def test_a_claim_of_this_node_gets_a_volume(cluster: Cluster, client: RestClient) -> None:
    await cluster.start(client)
    await cluster.create_claim()
    volume = await cluster.until(cluster.find_volume)
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["host1"]}
    spec = volume["spec"]
    assert spec.pop("claimRef")["uid"] == UID
    assert spec == {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "local",
        "volumeMode": "Filesystem",
        "local": {"path": str(cluster.folder / NAME)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
    }
    assert volume["metadata"]["annotations"] == {"pv.kubernetes.io/provisioned-by": DRIVER}
    assert (cluster.folder / NAME).is_dir()
    assert await cluster.wait_for_event("ProvisioningSucceeded") == f"Successfully provisioned volume {NAME}"
    assert cluster.list_events()[0] == (
        "Provisioning",
        'External provisioner is provisioning volume for claim "default/data"',
    )


async def test_a_program_that_was_killed_after_the_directory_goes_on(
    cluster: Cluster, client: RestClient
) -> None:
    (cluster.folder / NAME).mkdir(parents=True)
    await cluster.create_claim()
    await cluster.start(client)
    await cluster.until(cluster.find_volume)


async def test_claims_of_other_nodes_and_provisioners_are_left_alone(
    cluster: Cluster, client: RestClient
) -> None:
    await cluster.start(client)
    await cluster.create_claim(annotations=ANNOTATIONS | {SELECTED: "n2"})
    assert cluster.provisioner is not None
    await cluster.provisioner.sync("claims/default/data")
    assert (cluster.find_volume(), os.listdir(cluster.folder)) == (None, [])


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"volumeMode": "Block"}, "volumeMode Block is not possible for a directory"),
        (
            {"accessModes": ["ReadWriteMany"]},
            "access mode ReadWriteMany is not possible for a directory of one node; use ReadWriteOnce",
        ),
        ({"selector": {"matchLabels": {"a": "b"}}}, "claim.Spec.Selector is not supported"),
        ({"dataSource": {"name": "x"}}, "data sources are not supported: a new volume is empty"),
    ],
)
async def test_what_a_directory_cannot_be_is_said(
    cluster: Cluster, client: RestClient, spec: dict[str, Any], problem: str
) -> None:
    await cluster.start(client)
    await cluster.create_claim(**spec)
    message = await cluster.wait_for_event("ProvisioningFailed")
    assert message == f'failed to provision volume with StorageClass "local": {problem}'
    assert (cluster.find_volume(), os.listdir(cluster.folder)) == (None, [])


async def test_a_released_volume_goes_with_its_data(cluster: Cluster, client: RestClient) -> None:
    await cluster.start(client)
    await cluster.create_claim()
    await cluster.until(cluster.find_volume)
    (cluster.folder / NAME / "file").write_text("data")
    await cluster.delete(("persistentvolumeclaims", "default", "data"))
    await cluster.change("persistentvolumes", NAME, {"status": {"phase": "Released"}})
    await cluster.until(lambda: cluster.find_volume() is None)
    assert os.listdir(cluster.folder) == []


async def test_a_volume_that_is_deleted_before_its_claim_waits_for_it(
    cluster: Cluster, client: RestClient
) -> None:
    await cluster.start(client)
    await cluster.create_claim()
    await cluster.until(cluster.find_volume)
    await cluster.delete(("persistentvolumes", "", NAME))
    assert cluster.provisioner is not None
    await cluster.provisioner.sync(f"volumes/{NAME}")
    assert os.listdir(cluster.folder) == [NAME]
    await cluster.change("persistentvolumes", NAME, {"status": {"phase": "Released"}})
    await cluster.until(lambda: cluster.find_volume() is None)
    assert os.listdir(cluster.folder) == []


async def test_the_data_of_a_volume_to_retain_stays(cluster: Cluster, client: RestClient) -> None:
    await cluster.start(client)
    await cluster.create_claim()
    await cluster.until(cluster.find_volume)
    (cluster.folder / NAME / "file").write_text("data")
    policy = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}, "status": {"phase": "Released"}}
    await cluster.change("persistentvolumes", NAME, policy)
    await cluster.delete(("persistentvolumes", "", NAME))
    await cluster.until(lambda: cluster.find_volume() is None)
    assert (cluster.folder / NAME / "file").read_text() == "data"


async def test_a_path_that_is_not_the_volumes_own_is_never_deleted(
    cluster: Cluster, client: RestClient, tmp_path: Path
) -> None:
    await cluster.start(client)
    await cluster.create_claim()
    await cluster.until(cluster.find_volume)
    (tmp_path / "precious").mkdir()
    change = {"spec": {"local": {"path": str(tmp_path / "precious")}}, "status": {"phase": "Released"}}
    await cluster.change("persistentvolumes", NAME, change)
    message = await cluster.wait_for_event("VolumeFailedDelete")
    assert (
        message == f"the volume is at {tmp_path}/precious, not at {cluster.folder / NAME}: nothing is deleted"
    )
    assert (tmp_path / "precious").is_dir()
    assert (cluster.folder / NAME).is_dir()


async def test_directories_that_never_became_volumes_are_removed(
    cluster: Cluster, client: RestClient
) -> None:
    for digit in "12":
        (cluster.folder / f"pvc-{digit}{UID[1:]}").mkdir(parents=True)
    (cluster.folder / f"pvc-2{UID[1:]}" / "file").touch()
    await cluster.start(client)
    assert cluster.provisioner is not None
    assert await cluster.provisioner.remove_unused_directories() == [f"pvc-1{UID[1:]}"]
