"""The role that fetches archives to the operator's machine: once, checked, through proxies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.playbook.results.run_result import RunResult
from tests.file_server import FileServer, serve_folder
from tests.unit.playbook.conftest import Bench

ROLES = Path(__file__).resolve().parents[3] / "roles"
CONTENT = b"a program"
PLACE = "/dl.k8s.io/release/v1.36.0/bin/linux/amd64/kubectl"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Two hosts that are this machine."""
    return Bench(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    """One release of kubectl."""
    folder = tmp_path / "files"
    file = folder / PLACE.removeprefix("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with serve_folder(folder) as serving:
        yield serving


def fetch(bench: Bench, content: bytes = CONTENT, **variables: Any) -> RunResult:
    """Run the role on two hosts that need kubectl."""
    hosts: dict[str, Any] = yaml.safe_load((bench.folder / "hosts.yml").read_text())
    hosts["all"]["children"] = {"kube_control_plane": {"hosts": {"a": None, "b": None}}}
    (bench.folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    values: dict[str, Any] = {}
    for path in (
        ROLES / "kprov_defaults/defaults/main.yml",
        *(ROLES / "kprov_defaults/vars/main").glob("*.yml"),
        ROLES / "download/defaults/main.yml",
        ROLES / "download/vars/main.yml",
    ):
        values |= yaml.safe_load(path.read_text())
    values |= {
        "ansible_facts": {
            "distribution": "Debian",
            "distribution_version": "13.1",
            "distribution_major_version": "13",
            "architecture": "x86_64",
        },
        "kubectl_install": "archive",
        "kubectl_version": "1.36.0",
        "kubectl_checksums": {"amd64": {"1.36.0": hashlib.sha256(content).hexdigest()}},
        "download_cache_dir": str(bench.folder / "cache"),
        "download_retries": 1,
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars": values | variables,
        "tasks": [{"import_tasks": str(ROLES / "download/tasks/main.yml")}],
    }
    return bench.play(yaml.safe_dump([play]))


def cached(bench: Bench) -> list[bytes]:
    return [path.read_bytes() for path in (bench.folder / "cache").iterdir()]


def test_an_archive_of_several_hosts_is_fetched_once(bench: Bench, server: FileServer) -> None:
    for _ in range(2):
        run = fetch(bench, files_repo=server.url)
        assert not run.errors
        assert not run.changed
    assert cached(bench) == [CONTENT]
    assert server.requests == {PLACE: 1}


def test_a_damaged_file_of_the_cache_is_fetched_again(bench: Bench, server: FileServer) -> None:
    fetch(bench, files_repo=server.url)
    (file,) = (bench.folder / "cache").iterdir()
    file.write_bytes(b"damaged")
    fetch(bench, files_repo=server.url)
    assert cached(bench) == [CONTENT]
    assert server.requests == {PLACE: 2}


def test_a_wrong_checksum_leaves_nothing_in_the_cache_and_is_not_tried_again(
    bench: Bench, server: FileServer
) -> None:
    run = fetch(bench, b"another program", files_repo=server.url, download_retries=3)
    assert "did not match" in bench.recorder.shown
    assert {error["host"] for error in run.errors} == {"a"}
    assert cached(bench) == []
    assert server.requests == {PLACE: 1}


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_folder_takes_the_place_of_a_server(bench: Bench, server: FileServer, prefix: str) -> None:
    run = fetch(bench, files_repo=f"{prefix}{bench.folder}/files")
    assert not run.errors
    assert cached(bench) == [CONTENT]
    assert not server.requests


def test_a_proxy_of_the_inventory_is_used(
    bench: Bench, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    run = fetch(bench, files_repo="http://files.invalid", http_proxy=server.url)
    assert not run.errors
    assert cached(bench) == [CONTENT]
    assert server.requests == {f"http://files.invalid{PLACE}": 1}


def test_hosts_that_no_proxy_names_are_reached_directly(bench: Bench, server: FileServer) -> None:
    run = fetch(bench, files_repo=server.url, http_proxy="http://127.0.0.1:1", no_proxy="127.0.0.1")
    assert not run.errors
    assert server.requests == {PLACE: 1}


def test_a_program_without_package_and_without_archive_is_rejected(bench: Bench) -> None:
    run = fetch(bench, kubectl_install="package", kubectl_packages=[])
    assert {error["host"] for error in run.errors} == {"a", "b"}
    assert "a: Debian 13 has no package of kubectl: set kubectl_install to archive" in bench.recorder.shown
