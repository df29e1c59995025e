"""A host whose Python is the oldest one supported: Debian 11's 3.9, unpacked beside the host's own."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.debian import packages

from .conftest import ROOT, Lab

PACKAGES = ("python3.9-minimal", "libpython3.9-minimal", "libpython3.9-stdlib", "libssl1.1", "libffi7")
PLACE = "/opt/kprov-python3.9"
PROGRAM = f"{PLACE}/python"
#: Its libraries come from Debian 11, too.
START = f"""#!/bin/sh
root={PLACE}
export LD_LIBRARY_PATH=$root/usr/lib/{platform.machine()}-linux-gnu PYTHONHOME=$root/usr
exec $root/usr/bin/python3.9 "$@"
"""
ROLE = ROOT / "tests" / "bench" / "provision"


@pytest.fixture
def python39(lab: Lab, tmp_path: Path) -> Iterator[str]:
    """The interpreter's path on node1."""
    tree = tmp_path / "tree"
    for name in PACKAGES:
        deb = packages.fetch_package(
            name, arch=platform.machine(), cache=Path("/var/cache/kprov"), release="bullseye"
        )
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    shutil.copytree(ROOT / "kprov" / "agent", tree / "kprov" / "agent")
    (tree / "kprov" / "__init__.py").touch()
    (tree / "python").write_text(START)
    (tree / "python").chmod(0o755)
    bundle = tmp_path / "python.tar"
    with tarfile.open(bundle, "w") as tar:
        tar.add(tree, ".")
    unpack = f"src={bundle} dest={PLACE}"
    try:
        lab.ssh("node1", f"mkdir -p {PLACE}")
        run = ("run", "node1", "-i", lab.inventory, "-m", "ansible.builtin.unarchive", "-a", unpack)
        lab.kprov(*run)
        yield PROGRAM
    finally:
        lab.ssh("node1", f"rm -rf {PLACE}")


def test_a_role_on_a_host_with_python_3_9(lab: Lab, python39: str, tmp_path: Path) -> None:
    given = ("-i", lab.inventory, "-l", "node1", "-e", f"ansible_python_interpreter={python39}")
    facts = lab.kprov("run", "node1", "-m", "setup", "-a", "filter=ansible_python_version", *given).stdout
    assert "3.9." in facts
    play = ("play", ROLE / "site.yml", *given)
    report = tmp_path / "report.json"
    try:
        lab.kprov(*play)
        lab.kprov(*play, "--report", report)
    finally:
        lab.kprov("play", ROLE / "reset.yml", *given)
    summary = json.loads(report.read_text())["hosts"]["node1"]
    assert summary["changed"] == 0
    assert summary["ok"] > 5


def test_every_module_can_be_loaded_by_python_3_9(lab: Lab, python39: str) -> None:
    names = sorted(path.stem for path in (ROOT / "kprov" / "agent" / "modules").glob("[a-z]*.py"))
    program = f"import sys, importlib; sys.path.insert(0, {PLACE!r}); "
    program += f"[importlib.import_module('kprov.agent.modules.' + name) for name in {names}]; print('all')"
    assert lab.ssh("node1", f'{python39} -I -S -c "{program}"').strip() == "all"
