"""A host with a new address whose old machine still runs."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.operations.etcd_members import Member
from kprov.operations.nodes.replace import find_old_address


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
