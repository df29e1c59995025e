"""A replacement resets only the old host, and waits until the machine of an old address is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import KprovError
from kprov.operations.cluster import open_cluster
from kprov.operations.etcd_members import Member
from kprov.operations.nodes.progress import OldHost
from kprov.operations.nodes.replace import find_old_address, list_new_host_phases, list_removal_phases
from kprov.operations.phases import Memory, OperationContext
from kprov.playbook.results.run_result import RunOptions, RunResult, SilentCallbacks

INVENTORY = """
all:
  vars: {{ansible_connection: local, ansible_become: false, kube_config_dir: {folder}/kubernetes}}
  children:
    kube_control_plane: {{hosts: {{a: {{ip: 192.0.2.1}}}}}}
    etcd: {{hosts: {{a: }}}}
    kube_node: {{hosts: {{a: }}}}
"""


class InterruptedContext(OperationContext):
    """A context whose first playbook is interrupted."""

    def run_playbook(self, *_: object, **__: object) -> RunResult:
        raise KprovError("interrupted")


def member(address: str) -> Member:
    return Member("1", "a", (f"https://{address}:2380",), (f"https://{address}:2379",))


def node(address: str, ready: str) -> dict[str, Any]:
    return {
        "status": {
            "addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": ready}],
        }
    }


@pytest.mark.parametrize(
    ("found", "healthy", "expected"),
    [
        (None, [], ""),
        (node("192.0.2.1", "True"), [member("192.0.2.1")], ""),
        (node("192.0.2.9", "True"), [], "192.0.2.9"),
        (node("192.0.2.9", "Unknown"), [], ""),
        (None, [member("192.0.2.9")], "192.0.2.9"),
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, [], ""),
    ],
)
def test_the_old_machine_is_found_by_its_kubelet_and_its_member(
    found: dict[str, Any] | None, healthy: list[Member], expected: str
) -> None:
    assert find_old_address("192.0.2.1", found, healthy) == expected


def test_the_new_host_is_not_reset_when_its_setup_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY.format(folder=tmp_path))
    (tmp_path / "kubernetes").mkdir()
    memory = Memory({})
    OldHost().store(memory, "a")
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        context = InterruptedContext(cluster, {}, RunOptions(), SilentCallbacks(), lambda _: None, memory)
        reset = next(phase for phase in list_removal_phases(context, "a") if phase.title == "Reset a")
        assert reset.plan() == ["stop and remove all components, packages and data of the cluster on a"]
        with pytest.raises(KprovError, match="interrupted"):
            list_new_host_phases(context, "a")[0].run()
        assert reset.plan() == []
