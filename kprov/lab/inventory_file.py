"""Writes the inventory of a lab, for kprov and Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from kprov.errors import InputError
from kprov.lab.access import ssh_options
from kprov.lab.definition import USER, Lab

_HEAD = "# The hosts of `kprov lab up{arguments}`.\n"


def make_inventory(lab: Lab) -> dict[str, Any]:
    """Return the inventory: all hosts are nodes; the first three (or one) are control plane and etcd."""
    names = [host.name for host in lab.hosts]
    control_plane = dict.fromkeys(names[: 3 if len(names) >= 3 else 1])
    variables: dict[str, Any] = {
        "ansible_user": USER,
        "ansible_become": True,
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": " ".join(ssh_options(lab.known_hosts)),
    }
    # Upstream's conformance suite needs this runtime.
    variables["containerd_additional_runtimes"] = [{"name": "test-handler", "type": "io.containerd.runc.v2"}]
    # All hosts share the disk of this machine.
    variables["preflight_fsync_p99_ms"] = 100
    if lab.vip:
        variables["kube_vip_address"] = lab.vip
    return {
        "all": {
            "vars": variables,
            "hosts": {host.name: {"ansible_host": host.address} for host in lab.hosts},
            "children": {
                "kube_control_plane": {"hosts": control_plane},
                "etcd": {"hosts": dict(control_plane)},
                "kube_node": {"hosts": dict.fromkeys(names)},
            },
        }
    }


def render_inventory(lab: Lab) -> str:
    """Render the inventory as YAML."""
    arguments = "" if lab == Lab() else f" --name {lab.name} --subnet {lab.subnet} --hosts {lab.host_count}"
    if lab.releases != Lab().releases:
        arguments += f" --release {','.join(lab.releases)}"
    if lab.isolated:
        arguments += " --isolated"

    class Dumper(yaml.SafeDumper):
        """Writes `node1:` instead of `node1: null`, and no aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
    )
    return _HEAD.format(arguments=arguments) + yaml.dump(
        make_inventory(lab), Dumper=Dumper, sort_keys=False, width=200
    )


def check_inventory(folder: Path, *labs: Lab) -> None:
    """Raise InputError if the folder's hosts.yml is not as kprov wrote it for one of these labs."""
    path = folder / "hosts.yml"
    if path.exists() and path.read_text() not in [render_inventory(lab) for lab in labs]:
        raise InputError(
            "exists, and is not as `kprov lab up` writes it: name another folder, or remove the file",
            file=path,
            field="--inventory",
        )


def write_inventory(lab: Lab, folder: Path) -> None:
    """Write FOLDER/hosts.yml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(render_inventory(lab))
