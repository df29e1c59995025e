"""`vagrant up` makes a verified cluster, `vagrant provision` changes nothing, `vagrant destroy` removes the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.qemu import emulator
from tests.qemu.box import build_box
from tests.vagrant import hypervisor

ROOT = Path(__file__).resolve().parents[2]
KPROV = Path(sys.executable).parent / "kprov"
BOX = "kprov/test"
#: Seconds. Without KVM a machine boots in one to two minutes, and `kprov up` takes five to fifteen.
UP_LIMIT = 2400

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="builds a box and runs libvirt as root")
Vagrant = Callable[..., str]


@pytest.fixture(scope="module")
def vagrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vagrant]:
    """Runs Vagrant in a copy of vagrant/, with the box built from packages; destroys the machines at the end."""
    emulator.install_packages(*hypervisor.PACKAGES)
    program = emulator.find_emulator()
    project = tmp_path_factory.mktemp("cluster") / "vagrant"
    shutil.copytree(ROOT / "vagrant", project, ignore=shutil.ignore_patterns(".vagrant", "inventory"))
    environment = os.environ | {
        "VAGRANT_HOME": str(tmp_path_factory.mktemp("home")),
        "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "KPROV": str(KPROV),
        "KPROV_VAGRANT_CONTROL_PLANE": os.environ.get("KPROV_VAGRANT_CONTROL_PLANE", "1"),
        "KPROV_VAGRANT_WORKERS": os.environ.get("KPROV_VAGRANT_WORKERS", "0"),
        "KPROV_VAGRANT_DRIVER": os.environ.get("KPROV_VAGRANT_DRIVER", "qemu"),
        "KPROV_VAGRANT_EMULATOR": program,
        "KPROV_VAGRANT_BOX": BOX,
        "NO_COLOR": "1",
    }

    def run(*arguments: str, limit: float = 300) -> str:
        began = time.monotonic()
        command = ["vagrant", *arguments]
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
        print(f"vagrant {' '.join(arguments)}: {time.monotonic() - began:.0f} s")
        assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout.replace("\r", "\n")

    with hypervisor.libvirt_running():
        box = build_box(tmp_path_factory.mktemp("box") / "debian13.box")
        run("box", "add", "--name", BOX, str(box))
        try:
            yield run
        finally:
            run("destroy", "--force")
            hypervisor.remove_disks(BOX.replace("/", "-VAGRANTSLASH-") + "_vagrant_box_image_")


def test_up_ends_with_a_verified_cluster_and_the_path_of_its_kubeconfig(vagrant: Vagrant) -> None:
    output = vagrant("up", "--no-tty", limit=UP_LIMIT)
    assert "artifacts/admin.conf" in output
    assert "checks passed" in output


def test_provision_runs_again_and_changes_nothing(vagrant: Vagrant) -> None:
    assert "Nothing changed" in vagrant("provision", limit=UP_LIMIT)


def test_destroy_leaves_no_machine_and_no_disk(vagrant: Vagrant) -> None:
    vagrant("destroy", "--force")
    assert not [name for name in hypervisor.list_names("list", "--all") if name.startswith("vagrant_")]
    # The box itself stays in the pool, under the name of the box.
    assert "vagrant_" not in hypervisor.list_disks().replace("_vagrant_box", "")
    assert "not created" in vagrant("status")
