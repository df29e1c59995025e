"""Creates the cgroups of pods and of their QoS classes with their limits, and removes them (pkg/kubelet/cm).

With the cgroupfs driver their files are written. With the systemd driver they are slices, which the runtime
starts: their limits are properties that systemd stores until the next boot.
"""

import contextlib
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import resources
from kprov.kube.kubelet.runtime import cgroup_limits, cgroups
from kprov.kube.kubelet.runtime.cgroup_limits import CgroupLimits

log = logging.getLogger(__name__)

_RUNTIME_UNITS: Final = Path("/run/systemd/system.control")
_CONTROLLERS: Final = ("cpu", "memory", "pids")


class CgroupManager:
    """Problems are texts for events; the pods run without the limit that could not be set."""

    def __init__(self, config: KubeletConfiguration) -> None:
        self._config = config
        # What was set since the kubelet's start, by cgroup.
        self._applied: dict[str, CgroupLimits] = {}

    def create_pod_cgroup(self, pod: Pod) -> list[str]:
        """Set the limits of the pod's cgroup, and create it. Returns the problems."""
        path = cgroups.get_cgroup_parent(pod, self._config)
        return self._apply(path, cgroup_limits.compute_pod_limits(pod, self._config)) if path else []

    def update_qos_cgroups(self, pods: Sequence[Pod]) -> list[str]:
        """Set the weights of the QoS classes for these pods of the node. Returns the problems."""
        if not self._config.cgroups_per_qos:
            return []
        limits = {
            resources.BURSTABLE: cgroup_limits.compute_burstable_limits(pods),
            resources.BEST_EFFORT: cgroup_limits.BEST_EFFORT_LIMITS,
        }
        problems = []
        for qos, wanted in limits.items():
            path = cgroups.render_cgroup(["kubepods", qos.lower()], self._config)
            problems += self._apply(path, wanted)
        return problems

    def remove_pod_cgroup(self, pod: Pod) -> None:
        """Remove the pod's cgroups after its containers are gone."""
        path = cgroups.get_cgroup_parent(pod, self._config)
        if not path:
            return
        self._applied.pop(path, None)
        if self._config.cgroup_driver == "systemd":
            drop_in = _RUNTIME_UNITS / f"{path}.d"
            if drop_in.is_dir():
                if problem := _run_systemctl("stop", path):
                    log.warning("%s", problem)
                # The stopped slice is forgotten. "systemctl revert" would read all units of the host again.
                shutil.rmtree(drop_in, ignore_errors=True)
            # What the runtime made itself, because systemd does not manage that controller.
            path = _expand_slice(path)
        _remove_folders(path)

    def _apply(self, path: str, limits: CgroupLimits) -> list[str]:
        # A cgroup keeps its limits until the pod ends, so they are set once.
        if self._applied.get(path) == limits:
            return []
        version_2 = cgroups.is_version_2()
        if self._config.cgroup_driver == "systemd":
            properties = limits.list_properties(version_2=version_2)
            problem = _run_systemctl("set-property", "--runtime", path, *properties)
            problems = [problem] if problem else []
        else:
            problems = _write_files(path, limits.render_files(version_2=version_2), version_2=version_2)
        for problem in problems:
            log.warning("cgroup %s: %s", path, problem)
        if not problems:
            self._applied[path] = limits
        return problems


def _write_files(path: str, files: dict[str, dict[str, str]], *, version_2: bool) -> list[str]:
    problems = []
    for controller, values in files.items():
        folder = (cgroups.FS if version_2 else cgroups.FS / controller) / path.lstrip("/")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if version_2:
                _enable_controllers(folder)
        except OSError as error:
            problems.append(f"creating {folder}: {error.strerror}")
            continue
        for name, value in values.items():
            try:
                (folder / name).write_text(value)
            except OSError as error:
                problems.append(f"writing {value!r} to {folder / name}: {error.strerror}")
    return problems


def _enable_controllers(folder: Path) -> None:
    """Let the cgroups above this one pass their controllers on. Raises OSError."""
    wanted = {f"+{name}" for name in _CONTROLLERS}
    for above in reversed(folder.parents):
        if above == cgroups.FS or cgroups.FS in above.parents:
            file = above / "cgroup.subtree_control"
            enabled = {f"+{name}" for name in file.read_text().split()} if file.exists() else set()
            if missing := wanted - enabled:
                file.write_text(" ".join(sorted(missing)))


def _run_systemctl(*arguments: str) -> str:
    """Return the problem, "" for none."""
    command = f"systemctl {' '.join(arguments)}"
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command}: {error}"
    return f"{command}: {done.stderr.strip()}" if done.returncode != 0 else ""


def _expand_slice(name: str) -> str:
    """Return the path of a slice: a-b.slice is a.slice/a-b.slice."""
    parts = name.removesuffix(".slice").split("-")
    return "/".join(f"{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def _remove_folders(path: str) -> None:
    folders = (
        [cgroups.FS / path.lstrip("/")]
        if cgroups.is_version_2()
        else [
            base / path.lstrip("/")
            for base in cgroups.FS.iterdir()
            if base.is_dir() and not base.is_symlink()
        ]
    )
    for folder in folders:
        if folder.is_dir():
            # Unlike Path.glob, os.walk continues if a folder disappears in the meantime.
            for child, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(child).rmdir()
