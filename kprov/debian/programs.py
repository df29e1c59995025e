"""Installs the Debian packages of programs that kprov needs on this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from kprov.errors import KprovError

#: Held while apt installs programs.
LOCK = Path("/run/lock/kprov-programs.lock")


def ensure_programs(needed: Mapping[str, str], say: Callable[[str], None]) -> bool:
    """Install the packages of missing programs and report it; return whether something was installed.

    `needed`: packages by program.

    Raises:
        KprovError: not root, or apt failed.

    """
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({package for program, package in needed.items() if not shutil.which(program, path=path)})
    if not missing:
        return False
    if os.geteuid() != 0:
        raise KprovError(f"this needs programs of {', '.join(missing)}: install them with apt, as root")
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        # Another kprov may install the same packages. Of two runs of apt at a time, one fails.
        fcntl.flock(lock, fcntl.LOCK_EX)
        say(f"Installing {', '.join(missing)} on this machine with apt")
        _install_packages(missing)
    return True


def _install_packages(names: list[str]) -> None:
    install = ["install", "-y", "-q", "--no-install-recommends", *names]
    if _run_apt_get(install).returncode != 0:
        _run_apt_get(["update", "-q"])
        done = _run_apt_get(install)
        if done.returncode != 0:
            raise KprovError(f"apt-get install {' '.join(names)} failed: {done.stderr.strip()[-800:]}")


def _run_apt_get(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            ["apt-get", *arguments],
            capture_output=True, text=True, timeout=900, env=environment, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise KprovError("this machine has no apt-get to install packages with") from error
    except subprocess.TimeoutExpired as error:
        raise KprovError("apt-get took longer than 15 minutes") from error
