"""Claims without a class, from the default class to a directory of the node, while parts are killed."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import governed_server, kubeconfig
from tests.apiserver.servers import ApiServer

_CONTROLLERS = (
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)
NODE = "node1"
CORE = "/api/v1/namespaces/default"
VOLUMES = "/api/v1/persistentvolumes"
CLASS: JsonObject = {
    "metadata": {
        "name": "local-path",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kprov.io/local-path",
    "volumeBindingMode": "WaitForFirstConsumer",
}


class Programs:
    """The scheduler and the provisioner of a node, as processes that can be killed."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.folder = server.folder / "volumes"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._flags = {
            "scheduler": ["--leader-elect=false", "--secure-port=0"],
            "local_path_provisioner": [
                f"--node-name={NODE}",
                f"--volumes-dir={self.folder}",
                "--healthz-bind-address=127.0.0.1:0",
            ],
        }

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", f"kprov.kube.{name}", f"--kubeconfig={kubeconfig(self.server)}"]
        with (self.server.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([*command, *self._flags[name]], stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait(20)

    def stop(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def list_directories(self) -> set[str]:
        return set(os.listdir(self.folder))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with governed_server(tmp_path_factory.mktemp("provisioning"), *_CONTROLLERS) as server:
        ok(server, "POST", "/apis/storage.k8s.io/v1/storageclasses", CLASS)
        labels = {"kubernetes.io/hostname": NODE}
        ok(server, "POST", "/api/v1/nodes", {"metadata": {"name": NODE, "labels": labels}})
        amounts = {"cpu": "64", "memory": "64Gi", "pods": "110"}
        ready = {"type": "Ready", "status": "True"}
        merge(
            server,
            f"/api/v1/nodes/{NODE}/status",
            {"status": {"allocatable": amounts, "conditions": [ready]}},
        )
        merge(server, f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})
        eventually(lambda: server.get(f"{CORE}/serviceaccounts/default").status == 200)
        made = Programs(server)
        made.start("scheduler")
        made.start("local_path_provisioner")
        yield made
        made.stop()


def create_pod_with_claim(server: ApiServer, name: str) -> None:
    spec: JsonObject = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    ok(server, "POST", f"{CORE}/persistentvolumeclaims", {"metadata": {"name": name}, "spec": spec})
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": name}}
    container = {"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    pod = {"metadata": {"name": name}, "spec": {"containers": [container], "volumes": [volume]}}
    ok(server, "POST", f"{CORE}/pods", pod)


def delete_pod_and_claim(server: ApiServer, name: str) -> None:
    now = {"gracePeriodSeconds": 0}
    ok(server, "DELETE", f"{CORE}/pods/{name}", now)
    ok(server, "DELETE", f"{CORE}/persistentvolumeclaims/{name}")


def list_volumes(server: ApiServer) -> set[str]:
    return {each["metadata"]["name"] for each in ok(server, "GET", VOLUMES)["items"]}


def count_scheduled(server: ApiServer) -> int:
    pods = ok(server, "GET", f"{CORE}/pods")["items"]
    return sum(bool(pod["spec"].get("nodeName")) for pod in pods)


def test_a_claim_gets_the_default_class_and_a_directory(programs: Programs) -> None:
    server = programs.server
    create_pod_with_claim(server, "one")
    eventually(lambda: count_scheduled(server) == 1)
    claim = ok(server, "GET", f"{CORE}/persistentvolumeclaims/one")
    name = f"pvc-{claim['metadata']['uid']}"
    assert (claim["spec"]["storageClassName"], claim["spec"]["volumeName"]) == ("local-path", name)
    assert claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == NODE
    assert programs.list_directories() == {name}
    (Path(programs.folder) / name / "file").touch()
    delete_pod_and_claim(server, "one")
    eventually(lambda: not list_volumes(server))
    assert programs.list_directories() == set()


def test_kills_leave_no_orphan(programs: Programs) -> None:
    """The provisioner is killed while it makes volumes and while it deletes them, the scheduler once."""
    server = programs.server
    names = [f"p{number}" for number in range(24)]
    for number, name in enumerate(names):
        create_pod_with_claim(server, name)
        if number % 6 == 5:
            programs.kill("local_path_provisioner")
            programs.start("local_path_provisioner")
        if number == 12:
            programs.kill("scheduler")
            programs.start("scheduler")
    eventually(lambda: count_scheduled(server) == len(names), 60)
    assert programs.list_directories() == list_volumes(server)
    assert len(list_volumes(server)) == len(names)
    for name, batch in zip(names, itertools.cycle(range(6)), strict=False):
        delete_pod_and_claim(server, name)
        if batch == 5:
            programs.kill("local_path_provisioner")
            programs.start("local_path_provisioner")
    eventually(lambda: not list_volumes(server), 60)
    eventually(lambda: not programs.list_directories())
