"""Plugins that are run for a sandbox. They are shell scripts that write down how they are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.cri_docker.network.manager import Attachment, NetworkManager, read_addresses
from kprov.kube.cri_docker.network.plugin import NetworkError

ATTACHMENT = Attachment(
    "abc", "web", "shop", "12", [{"hostPort": 80, "containerPort": 8080, "protocol": "tcp"}]
)
RESULT = {
    "cniVersion": "0.4.0",
    "ips": [{"version": "4", "address": "10.1.2.3/24"}, {"address": "fd00::3/64"}],
}


class Network:
    """A configuration with two plugins, first and second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manager = NetworkManager(folder / "net.d", [folder / "none", folder / "bin"], folder / "state")
        for name in ("net.d", "bin"):
            (folder / name).mkdir()
        plugins = [{"type": "first"}, {"type": "second", "capabilities": {"portMappings": True}}]
        document = {"cniVersion": "0.4.0", "name": "net", "plugins": plugins}
        (folder / "net.d/10.conflist").write_text(json.dumps(document))
        for name in ("first", "second"):
            self.write_plugin(name, f"echo '{json.dumps(RESULT)}'")

    def write_plugin(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        variables = " ".join(
            f"${name}" for name in ("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")
        )
        path.write_text(
            f'#!/bin/sh\necho "{name} {variables} $CNI_ARGS" >> {self.folder}/calls\n'
            f"cat > {self.folder}/{name}.$CNI_COMMAND\n{script}\n"
        )
        path.chmod(0o755)

    def read_calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def read_input(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return Network(tmp_path)


ARGUMENTS = (
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=12"
)


async def test_attach_and_detach(network: Network) -> None:
    manager = network.manager
    assert await manager.attach(ATTACHMENT, "/proc/7/ns/net") == ["10.1.2.3", "fd00::3"]
    assert network.read_calls() == [
        f"first ADD abc /proc/7/ns/net eth0 {ARGUMENTS}",
        f"second ADD abc /proc/7/ns/net eth0 {ARGUMENTS}",
    ]
    assert network.read_input("first.ADD") == {"type": "first", "name": "net", "cniVersion": "0.4.0"}
    second = network.read_input("second.ADD")
    assert second["prevResult"] == RESULT
    assert second["runtimeConfig"] == {"portMappings": list(ATTACHMENT.port_mappings)}
    assert manager.list_addresses("abc") == ["10.1.2.3", "fd00::3"]
    # The configuration may change meanwhile.
    (network.folder / "net.d/10.conflist").unlink()
    await manager.detach("abc", "")
    assert network.read_calls()[2:] == [
        f"second DEL abc  eth0 {ARGUMENTS}",
        f"first DEL abc  eth0 {ARGUMENTS}",
    ]
    second = network.read_input("second.DEL")
    assert second["prevResult"] == RESULT
    assert second["runtimeConfig"] == {"portMappings": list(ATTACHMENT.port_mappings)}
    assert manager.list_addresses("abc") == []
    await manager.detach("abc", "")
    assert len(network.read_calls()) == 4


async def test_a_plugin_that_fails_says_why_and_all_is_undone(network: Network) -> None:
    error = {"code": 11, "msg": "no addresses", "details": "the range is full"}
    network.write_plugin("second", f"[ $CNI_COMMAND = DEL ] && exit 0; echo '{json.dumps(error)}'; exit 1")
    with pytest.raises(NetworkError, match="plugin second failed: no addresses; the range is full"):
        await network.manager.attach(ATTACHMENT, "/x")
    assert [call.split()[:2] for call in network.read_calls()] == [
        ["first", "ADD"],
        ["second", "ADD"],
        ["second", "DEL"],
        ["first", "DEL"],
    ]
    assert not list((network.folder / "state/networks").iterdir())


async def test_a_plugin_that_fails_to_detach_is_run_again(network: Network) -> None:
    await network.manager.attach(ATTACHMENT, "/x")
    network.write_plugin("first", "echo broken >&2; exit 1")
    with pytest.raises(NetworkError, match="plugin first failed: broken"):
        await network.manager.detach("abc", "/x")
    network.write_plugin("first", "")
    await network.manager.detach("abc", "/x")
    assert not list((network.folder / "state/networks").iterdir())


async def test_a_missing_plugin(network: Network) -> None:
    (network.folder / "bin/second").unlink()
    assert "failed to find plugin 'second'" in str(network.manager.find_problem())
    with pytest.raises(NetworkError, match="failed to find plugin 'second'"):
        await network.manager.attach(ATTACHMENT, "/x")
    assert not (network.folder / "calls").exists()


async def test_no_configuration(tmp_path: Path) -> None:
    manager = NetworkManager(tmp_path, [tmp_path], tmp_path)
    assert manager.find_problem() == "cni config uninitialized"
    with pytest.raises(NetworkError, match="cni config uninitialized"):
        await manager.attach(ATTACHMENT, "/x")


def test_addresses_of_old_results() -> None:
    assert read_addresses({"ip4": {"ip": "10.1.2.3/24"}, "ip6": {"ip": "fd00::3/64"}}) == [
        "10.1.2.3",
        "fd00::3",
    ]
    assert read_addresses({}) == []
