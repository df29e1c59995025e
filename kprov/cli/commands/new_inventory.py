"""Renders a new inventory from checked answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from kprov.errors import InputError
from kprov.inventory.cluster import addresses

_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,50}[a-z0-9])?$")


@dataclass(frozen=True)
class Answers:
    """The user's answers: hosts as (name, address), control plane hosts (empty: choose), networks.

    Raises:
        InputError: answers contradict each other; the message names the option.

    """

    hosts: tuple[tuple[str, str], ...] = ()
    control_plane: tuple[str, ...] = ()
    user: str = "root"
    key: str = ""
    vip: str = ""
    service_cidr: str = "10.233.0.0/18"
    pod_cidr: str = "10.233.64.0/18"
    #: Variables of single hosts that differ from those of all, by the host's name.
    host_variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_hosts()
        self._check_networks()

    def _check_hosts(self) -> None:
        names, addresses = [name for name, _ in self.hosts], [address for _, address in self.hosts]
        for values, what in ((names, "name"), (addresses, "address")):
            for value in values:
                if values.count(value) > 1:
                    raise InputError(f"several hosts have the {what} {value}", field="--host")
        for name in self.control_plane:
            if self.hosts and name not in names:
                raise InputError(
                    f"{name} is not one of the hosts: {', '.join(names)}", field="--control-plane"
                )

    def _check_networks(self) -> None:
        addresses = [address for _, address in self.hosts]
        services = _parse_network(self.service_cidr, "--service-cidr")
        pods = _parse_network(self.pod_cidr, "--pod-cidr")
        if services.overlaps(pods):
            raise InputError(f"{services} overlaps the pods' {pods}", field="--service-cidr")
        places = [(address, f"--host {address}") for address in addresses]
        for address, flag in [*places, *([(self.vip, "--vip")] if self.vip else [])]:
            for network, whose in ((services, "services"), (pods, "pods")):
                if _parse_address(address, flag) in network:
                    raise InputError(f"is inside the {whose}' network {network}", field=flag)
        if self.vip in addresses:
            raise InputError(f"{self.vip} is the address of a host; the VIP must be unused", field="--vip")

    @property
    def control_plane_names(self) -> list[str]:
        names = [name for name, _ in self.hosts]
        return list(self.control_plane) or names[: 3 if len(names) >= 3 else 1]

    @property
    def etcd_names(self) -> list[str]:
        """Return the control plane hosts; the last is left out if their number is even, as etcd needs odd."""
        names = self.control_plane_names
        return names if len(names) % 2 else names[:-1]


def parse_hosts(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Parse `node1=10.0.0.1` or `10.0.0.1` (named node1, node2 ... by position) into (name, address)."""
    hosts = []
    parts = [part for text in words for part in text.split(",") if part]
    for number, word in enumerate(parts, start=1):
        name, separator, address = word.partition("=")
        if not separator:
            name, address = f"node{number}", word
        if not _NAME.match(name):
            raise InputError(
                f"{name!r} is not a valid host name (lower case letters, digits, '-' and '.')", field="--host"
            )
        hosts.append((name, str(_parse_address(address, f"--host {word}"))))
    return tuple(hosts)


def render_files(answers: Answers) -> dict[str, str]:
    """Return the inventory's files by their path in its folder."""
    access: dict[str, Any] = {"ansible_user": answers.user, "ansible_become": answers.user != "root"}
    if answers.key:
        access["ansible_ssh_private_key_file"] = answers.key
    hosts = {
        "all": {
            "vars": access,
            "hosts": {name: _host_variables(answers, name, address) for name, address in answers.hosts},
            "children": {
                "kube_control_plane": {"hosts": {name: {} for name in answers.control_plane_names}},
                "etcd": {"hosts": {name: {} for name in answers.etcd_names}},
                "kube_node": {"hosts": {name: {} for name, _ in answers.hosts}},
            },
        }
    }
    variables = {"kube_service_addresses": answers.service_cidr, "kube_pods_subnet": answers.pod_cidr}
    if answers.vip:
        variables["kube_vip_address"] = answers.vip
    return {
        "hosts.yml": "# The hosts of this cluster and what each of them is.\n" + _render_yaml(hosts),
        "group_vars/all.yml": "# Variables of this cluster, under kubespray's names.\n"
        + _render_yaml(variables),
    }


def _host_variables(answers: Answers, name: str, address: str) -> dict[str, Any]:
    own = dict(answers.host_variables.get(name, {}))
    if own.get("ansible_host", address) != address:
        # Users log in by another address than the one that the cluster uses.
        return {**own, "ip": address}
    return {**own, "ansible_host": address}


def _render_yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=200)


def _parse_address(text: str, flag: str) -> addresses.Address:
    try:
        return addresses.parse_address(text)
    except ValueError as error:
        raise InputError(str(error), field=flag) from error


def _parse_network(text: str, flag: str) -> addresses.Network:
    try:
        return addresses.parse_network(text)
    except ValueError as error:
        raise InputError(str(error), field=flag) from error
