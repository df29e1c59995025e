"""Weights of lab hosts beside the other processes of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.lab.cgroups import create_groups
from kprov.lab.definition import Host


@pytest.mark.parametrize(("file", "process"), [("cpu.shares", 1024), ("cpu.weight", 100)])
def test_each_host_weighs_as_much_as_a_process(tmp_path: Path, file: str, process: int) -> None:
    hosts = [Host("a", "node1", "192.0.2.11", 1), Host("a", "node2", "192.0.2.12", 2), Host("b", "x", "", 1)]
    for host in hosts:
        for group in ("kprov", f"kprov/{host.lab}", f"kprov/{host.lab}/{host.name}"):
            (tmp_path / "cpu" / group).mkdir(parents=True, exist_ok=True)
            (tmp_path / "cpu" / group / file).write_text(str(process))
    create_groups(hosts[0], tmp_path)

    def weight(group: str) -> int:
        return int((tmp_path / "cpu" / group / file).read_text())

    assert weight("kprov/a/node1") == process
    assert (weight("kprov/a"), weight("kprov/b")) == (2 * process, process)
    assert weight("kprov") == 3 * process
