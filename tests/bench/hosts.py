"""Lab hosts for a benchmark, gone when it ends, and the programs that are compared on them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KPROV = Path(sys.executable).with_name("kprov")
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
WORK = Path(__file__).parent / "provision"


@dataclass(frozen=True)
class Bench:
    """Hosts by their inventory; `folder` is for what programs keep between runs (ControlPersist)."""

    inventory: Path
    folder: Path

    def kprov(self, *arguments: str | Path) -> float:
        """Seconds that a run of kprov takes."""
        return timed([KPROV, *arguments, "-i", self.inventory / "hosts.yml"], {})

    def ansible(self, *arguments: str | Path, mitogen: Path | None = None) -> float:
        """Seconds that ansible-playbook takes: pipelining, 20 forks, ControlPersist; or with mitogen."""
        environment = {
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_FORKS": "20",
            "ANSIBLE_GATHERING": "smart",
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=120s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
        }
        if mitogen is not None:
            environment |= {
                "ANSIBLE_STRATEGY_PLUGINS": str(mitogen / "ansible_mitogen" / "plugins" / "strategy"),
                "ANSIBLE_STRATEGY": "mitogen_linear",
                "PYTHONPATH": str(mitogen),
            }
        return timed([ANSIBLE, *arguments, "-i", self.inventory / "hosts.yml"], environment)


def timed(command: list[str | Path], environment: dict[str, str]) -> float:
    """Seconds of a program that must end well; its compiled modules are kept, as where it is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.monotonic()
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        )
    return seconds


def peak_mib() -> float:
    """The largest resident memory of any program that was run, MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


@contextmanager
def lab(name: str, hosts: int, subnet: str) -> Iterator[Bench]:
    """So many hosts for a while."""
    down: list[str | Path] = [KPROV, "lab", "down", "--name", name]
    subprocess.run(down, check=False, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory"
        up = [
            "lab",
            "up",
            "--name",
            name,
            "--subnet",
            subnet,
            "--hosts",
            str(hosts),
            "--inventory",
            inventory,
        ]
        try:
            subprocess.run([str(KPROV), *map(str, up)], check=True, capture_output=True)
            yield Bench(inventory, Path(folder))
        finally:
            subprocess.run(down, check=False, capture_output=True)


def settle(seconds: float = 180.0) -> None:
    """Wait until the machine is at rest: hosts that have just booted work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = _idle_and_all()
        time.sleep(5)
        idle, total = (now - then for now, then in zip(_idle_and_all(), before, strict=True))
        if idle > 0.9 * total:
            return


def _idle_and_all() -> tuple[int, int]:
    """Ticks of all CPUs since boot: idle or waiting for a disk, and altogether."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks)


def show(rows: list[tuple[str, str]]) -> None:
    """Figures under each other."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")


def mitogen() -> Path:
    """mitogen from PyPI, unpacked in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kprov" / "mitogen"
    if not cache.is_dir():
        pip: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            cache,
            "mitogen",
        ]
        subprocess.run(pip, check=True)
    return cache


def best(runs: int, run: Callable[[], float]) -> float:
    """The median of several runs."""
    return sorted(run() for _ in range(runs))[runs // 2]
