"""The versions that the commands on a host print, and when a rollback is impossible."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kprov.bundle.metadata import Metadata, render_metadata
from kprov.operations import host_versions
from kprov.operations.host_versions import HostVersions, list_programs, parse_versions
from kprov.operations.upgrade.bundle_rollback import find_obstacle

NEW = Metadata("v1.36.0+kprov", "0123456789abcdef", "clean", "", 2, (1, 2))


def run_script(root: Path) -> HostVersions:
    """Run what a host runs, with its bundles in this folder."""
    script = host_versions._SCRIPT.format(
        root=shlex.quote(str(root)), config="/none", file="bundle.json", programs=" ".join(list_programs())
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    return parse_versions("node1", done.stdout)


def make_bundle(root: Path, digest: str) -> Path:
    folder = root / "bundles" / digest
    folder.mkdir(parents=True)
    (folder / ".complete").write_text(f"{digest}\n")
    return folder


def test_a_host_without_bundles(tmp_path: Path) -> None:
    found = run_script(tmp_path / "nothing")
    assert (found.current, found.previous, found.programs) == ("", "", {})


def test_bundles_with_and_without_a_description(tmp_path: Path) -> None:
    (make_bundle(tmp_path, "bbbb") / "bundle.json").write_text(render_metadata(NEW))
    options = make_bundle(tmp_path, "aaaa") / "lib/kprov/kube/component_base/options.py"
    options.parent.mkdir(parents=True)
    options.write_text('"""Flags."""\nVERSION: Final = "v1.35.2+kprov"\n')
    (tmp_path / "current").symlink_to("bundles/bbbb")
    (tmp_path / "previous").symlink_to("bundles/aaaa")
    (tmp_path / "pinned").write_text("aaaa\n")
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives/etcd").symlink_to("etcd-3.5.33-0123456789ab")
    found = run_script(tmp_path)
    assert (found.current, found.metadata) == ("bbbb", NEW)
    assert (found.previous, found.previous_metadata.version) == ("aaaa", "v1.35.2+kprov")
    assert found.previous_metadata.storage_reads == (1,)
    assert found.previous_metadata.release == (1, 35, 2)
    assert found.pinned == "aaaa"
    assert found.programs == {"etcd": "3.5.33"}


def test_packages_are_listed_from_new_lists_that_leave_the_hosts_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in place of apt-get writes a list where it is told to, and finds packages only there."""
    program = tmp_path / "bin/apt-get"
    program.parent.mkdir()
    program.write_text(
        """#!/bin/sh
for word; do case "$word" in Dir::State::Lists=*) lists=${word#*=};; esac; done
echo "$lists" >> """
        + str(tmp_path / "places")
        + """
case "$*" in
  *dist-upgrade*) test ! -e "$lists/new" || echo "Inst runc [1.1] (1.2 Debian:13/stable [amd64])";;
  update*) touch "$lists/new";;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    done = subprocess.run(["sh", "-c", host_versions._PACKAGES], capture_output=True, text=True, check=True)
    assert parse_versions("node1", "", done.stdout).packages == (("runc", "1.1", "1.2"),)
    (place,) = set((tmp_path / "places").read_text().split())
    assert place != "/var/lib/apt/lists"
    assert not Path(place).exists()


def test_packages_that_can_be_upgraded() -> None:
    listed = "etcd-server 3.5.16-4 3.5.16-5\nlibc6 2.41-12 2.41-13\nreboot\n"
    found = parse_versions("node1", "", listed)
    assert found.packages == (("etcd-server", "3.5.16-4", "3.5.16-5"), ("libc6", "2.41-12", "2.41-13"))
    assert found.reboot_required


def test_components_of_another_bundle() -> None:
    found = parse_versions(
        "node1", "current=bbbb\nruns.kubelet=bbbb\nruns.kube-proxy=aaaa\nruns.cluster-dns=\n"
    )
    assert found.find_others("bbbb") == ["cluster-dns", "kube-proxy"]


def test_a_rollback_needs_an_api_server_that_reads_what_the_newer_one_wrote() -> None:
    host = HostVersions("node1", "bbbb", NEW, "aaaa", replace(NEW, storage_writes=1))
    assert find_obstacle(host) == ""
    older = replace(NEW, version="v1.35.0+kprov", storage_writes=1, storage_reads=(1,))
    text = find_obstacle(replace(host, previous_metadata=older))
    assert "writes storage format 2, and v1.35.0+kprov (01234567) reads only 1" in text


def test_a_rollback_needs_the_key_of_encrypted_objects() -> None:
    host = HostVersions("node1", "bbbb", NEW, "aaaa", NEW, encrypts=True, previous_decrypts=True)
    assert find_obstacle(host) == ""
    assert "encrypted" in find_obstacle(replace(host, previous_decrypts=False))
