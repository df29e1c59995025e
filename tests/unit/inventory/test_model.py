"""The variables of hosts: resolved for each question, or once where nothing changes."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kprov.inventory.cluster import validation
from kprov.inventory.model import Inventory
from kprov.inventory.sources.load import load_inventory

HOSTS = 12


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    hosts = "\n".join(f"n{number} ansible_host=10.1.0.{number}" for number in range(1, HOSTS + 1))
    groups = "[kube_control_plane]\nn1\n[etcd]\nn1\n[kube_node]\nn[1:12]\n"
    (tmp_path / "hosts.ini").write_text(f"{hosts}\n{groups}")
    return load_inventory(tmp_path / "hosts.ini")


def count_resolutions(inventory: Inventory) -> Counter[str]:
    """Count how often the variables of each host are resolved from now on."""
    counted: Counter[str] = Counter()

    def count(_: Inventory, host: str, __: dict[str, Any]) -> dict[str, Any]:
        counted[host] += 1
        return {}

    inventory.jump_rule = count
    return counted


def test_validation_resolves_each_host_once(inventory: Inventory) -> None:
    """It asked 4 times for every pair of hosts: 64 hosts took 0.7 s."""
    counted = count_resolutions(inventory)
    validation.validate(inventory)
    assert counted == dict.fromkeys(inventory.hosts, 1)


def test_resolved_variables_are_the_callers_own(inventory: Inventory) -> None:
    with inventory.resolve_once():
        inventory.variables("n1")["ansible_host"] = "changed"
        assert inventory.variables("n1")["ansible_host"] == "10.1.0.1"


def test_variables_follow_changes_outside_of_the_context(inventory: Inventory) -> None:
    with inventory.resolve_once():
        inventory.variables("n1")
    inventory.hosts["n1"].variables["ansible_host"] = "10.9.9.9"
    assert inventory.variables("n1")["ansible_host"] == "10.9.9.9"
