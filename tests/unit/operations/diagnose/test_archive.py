"""The archive has an index, belongs to its owner alone, and is not written with a secret in it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from kprov.operations.diagnose.archive import Diagnosis, SecretFoundError, render_index, write_archive
from kprov.operations.diagnose.items import Item, bound_line


def test_the_archive_has_one_folder_and_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "d.tar.gz"
    write_archive(path, "d", {"index.md": "# index", "hosts/node1/units.txt": "active"})
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["d/hosts/node1/units.txt", "d/index.md"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_archive_with_a_key_is_not_written_and_the_error_names_the_file(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    with pytest.raises(SecretFoundError, match=r"d/hosts/node1/a\.txt: a private key"):
        write_archive(tmp_path / "d.tar.gz", "d", {"hosts/node1/a.txt": key})
    assert list(tmp_path.iterdir()) == []


def test_the_index_names_unreachable_hosts_problems_and_cut_files() -> None:
    diagnosis = Diagnosis(unreachable={"node2": "no route"}, problems=["verify: node1: units/etcd: failed"])
    diagnosis.add("hosts/node1/units.txt", "four", cut=True)
    diagnosis.add("verify.json", "[]")
    page = render_index(diagnosis)
    assert "- **node2**: no route" in page
    assert "- verify: node1: units/etcd: failed" in page
    assert "| units.txt | [4*](hosts/node1/units.txt) |" in page
    assert "| [verify.json](verify.json) | 2 |" in page


def test_a_command_is_bounded_in_time_and_size() -> None:
    line = bound_line(Item("a", "cat /x 'y'", end=True), seconds=3, limit=10)
    assert line.startswith("{ timeout -k 2 3 sh -c ")
    assert line.endswith("| tail -c 10")
