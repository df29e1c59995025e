"""Attaches sandboxes to the network and detaches them.

What detaching needs is kept in a file for each sandbox: it may come after a restart, and after a change of
the configuration.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kprov.kube.cri_docker.network.configuration import NetworkList, load_network
from kprov.kube.cri_docker.network.plugin import NetworkError, find_plugin, run_plugin

log = logging.getLogger(__name__)

_INTERFACE: Final = "eth0"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A sandbox for the plugins. port_mappings: in the form of the capability portMappings."""

    sandbox_id: str
    pod_name: str
    pod_namespace: str
    pod_uid: str
    port_mappings: Sequence[Mapping[str, Any]] = ()


class NetworkManager:
    """The plugins of one node."""

    def __init__(self, configuration: Path, programs: Sequence[Path], state: Path) -> None:
        """Take the folders of the configuration, of the plugins, and of this program's files."""
        self._configuration = configuration
        self._programs = programs
        self._state = state / "networks"

    def find_problem(self) -> str | None:
        """Return why sandboxes cannot be attached. None: they can."""
        network = load_network(self._configuration)
        if network is None:
            return "cni config uninitialized"
        try:
            for plugin in network.plugins:
                find_plugin(plugin["type"], self._programs)
        except NetworkError as error:
            return str(error)
        return None

    async def attach(self, attachment: Attachment, namespace: str) -> list[str]:
        """Return the addresses. namespace: the path of the network namespace. NetworkError."""
        network = load_network(self._configuration)
        if network is None:
            raise NetworkError("cni config uninitialized")
        for plugin in network.plugins:
            find_plugin(plugin["type"], self._programs)
        # Before the first plugin runs: from now on there is something to detach.
        self._write(attachment, network, {})
        result: dict[str, Any] = {}
        try:
            for plugin in network.plugins:
                result = await self._run("ADD", network, plugin, attachment, namespace, result)
        except NetworkError:
            with contextlib.suppress(NetworkError):
                await self.detach(attachment.sandbox_id, namespace)
            raise
        self._write(attachment, network, result)
        return read_addresses(result)

    async def detach(self, sandbox_id: str, namespace: str) -> None:
        """Undo `attach`. Does nothing if the sandbox is not attached. NetworkError: it is to be repeated.

        namespace: "" if it is gone.
        """
        kept = self._read(sandbox_id)
        if kept is None:
            return
        network = NetworkList(kept["name"], kept["cniVersion"], tuple(kept["plugins"]))
        attachment = Attachment(**kept["attachment"])
        for plugin in reversed(network.plugins):
            await self._run("DEL", network, plugin, attachment, namespace, kept["result"])
        self._path_of(sandbox_id).unlink(missing_ok=True)

    def list_addresses(self, sandbox_id: str) -> list[str]:
        """Return the addresses of an attached sandbox, the first one first."""
        kept = self._read(sandbox_id)
        return read_addresses(kept["result"]) if kept is not None else []

    async def _run(
        self,
        command: str,
        network: NetworkList,
        plugin: Mapping[str, Any],
        attachment: Attachment,
        namespace: str,
        previous: Mapping[str, Any],
    ) -> dict[str, Any]:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": attachment.sandbox_id,
            "CNI_NETNS": namespace,
            "CNI_IFNAME": _INTERFACE,
            "CNI_ARGS": _make_arguments(attachment),
            "CNI_PATH": ":".join(map(str, self._programs)),
        }
        configuration = {**plugin, "name": network.name, "cniVersion": network.cni_version}
        if plugin.get("capabilities", {}).get("portMappings") and attachment.port_mappings:
            configuration["runtimeConfig"] = {"portMappings": list(attachment.port_mappings)}
        if previous:
            configuration["prevResult"] = previous
        return await run_plugin(find_plugin(plugin["type"], self._programs), environment, configuration)

    def _path_of(self, sandbox_id: str) -> Path:
        return self._state / f"{sandbox_id}.json"

    def _write(self, attachment: Attachment, network: NetworkList, result: Mapping[str, Any]) -> None:
        document = {
            "name": network.name,
            "cniVersion": network.cni_version,
            "plugins": network.plugins,
            "attachment": {name: getattr(attachment, name) for name in Attachment.__slots__},
            "result": result,
        }
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path_of(attachment.sandbox_id)
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _read(self, sandbox_id: str) -> dict[str, Any] | None:
        try:
            document = json.loads(self._path_of(sandbox_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("cannot read what the network of %s needs: %s", sandbox_id, error)
            return None
        return dict(document)


def _make_arguments(attachment: Attachment) -> str:
    pairs = {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": attachment.pod_namespace,
        "K8S_POD_NAME": attachment.pod_name,
        "K8S_POD_INFRA_CONTAINER_ID": attachment.sandbox_id,
        "K8S_POD_UID": attachment.pod_uid,
    }
    return ";".join(f"{name}={value}" for name, value in pairs.items())


def read_addresses(result: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a result, without their prefix lengths. Before version 0.3: ip4, ip6."""
    addresses = [entry.get("address", "") for entry in result.get("ips") or []]
    addresses += [result[name].get("ip", "") for name in ("ip4", "ip6") if isinstance(result.get(name), dict)]
    return [address.partition("/")[0] for address in addresses if address]
