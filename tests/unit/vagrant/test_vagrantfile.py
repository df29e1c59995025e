"""The Vagrantfile is valid for Debian's Vagrant, and its settings reach the machines."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parents[3] / "vagrant"

pytestmark = pytest.mark.skipif(
    shutil.which("vagrant") is None, reason="needs the Debian packages vagrant and vagrant-libvirt"
)


def run_vagrant(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KPROV_VAGRANT_")}
    environment |= {f"KPROV_VAGRANT_{name.upper()}": value for name, value in settings.items()}
    environment |= {"VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_DOTFILE_PATH": str(tmp_path / "state")}
    environment |= {"VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_CWD": str(DIRECTORY)}
    return subprocess.run(
        ["vagrant", *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_vagrant_accepts_the_vagrantfile(tmp_path: Path, provider: str) -> None:
    done = run_vagrant(tmp_path, "validate", provider)
    assert done.returncode == 0, done.stderr


def test_settings_from_the_environment_decide_which_machines_there_are(tmp_path: Path) -> None:
    done = run_vagrant(tmp_path, "status", "--machine-readable", control_plane="1", workers="2")
    assert done.returncode == 0, done.stderr
    states = [line.split(",")[1] for line in done.stdout.splitlines() if line.split(",")[2] == "state"]
    assert states == ["control1", "worker1", "worker2"]
