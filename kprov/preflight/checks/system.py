"""Distribution, architecture, Python, systemd, root, kernel features and control groups."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.bundle.build import PYTHONS
from kprov.preflight.components import NODE
from kprov.preflight.fleet import PreflightHost
from kprov.preflight.model import Problem, Severity, for_each_host

#: Of which the bundle has libraries.
ARCHITECTURES = ("x86_64", "aarch64")
#: cgroup v2 came with 4.5; 4.19 is the oldest that upstream's kubeadm accepts.
KERNEL = (4, 19)
_CONTROLLERS = {1: ("cpu", "cpuset", "memory", "pids", "devices"), 2: ("cpu", "cpuset", "memory", "pids")}
#: runc limits devices by a BPF program only with cgroup v2.
_ONLY_V2 = ("bpf",)


@for_each_host
def find_failures(host: PreflightHost) -> Iterator[Problem]:
    """Find requests of the checks that the host did not answer."""
    for request, reason in host.failures.items():
        yield Problem(host.name, f"cannot read {request}: {reason}")


@for_each_host
def find_unsupported(host: PreflightHost) -> Iterator[Problem]:
    """Find a distribution that the roles do not support."""
    if host.unsupported:
        yield Problem(host.name, host.unsupported)


@for_each_host
def find_architecture(host: PreflightHost) -> Iterator[Problem]:
    """Find a processor for which the bundle has no libraries."""
    architecture = host.facts.system.architecture
    if architecture not in ARCHITECTURES:
        yield Problem(
            host.name, f"the architecture is {architecture}; kprov supports {' and '.join(ARCHITECTURES)}"
        )


@for_each_host
def find_old_python(host: PreflightHost) -> Iterator[Problem]:
    """Find a Python of the host on which the components do not run."""
    if ".".join(host.python.split(".")[:2]) not in PYTHONS:
        yield Problem(host.name, f"Python is {host.python}; the components need {' or '.join(PYTHONS)}")


@for_each_host
def find_no_systemd(host: PreflightHost) -> Iterator[Problem]:
    """Another program than systemd is init."""
    if not host.facts.system.systemd:
        yield Problem(host.name, "the host was not booted with systemd")


@for_each_host
def find_no_root(host: PreflightHost) -> Iterator[Problem]:
    """Tasks do not run as root."""
    if host.not_root:
        yield Problem(host.name, host.not_root)


@for_each_host
def find_kernel_problems(host: PreflightHost) -> Iterator[Problem]:
    """Find a kernel that is old, or that lacks what pods and services need."""
    system = host.facts.system
    if _parse_version(system.kernel) < KERNEL:
        wanted = ".".join(map(str, KERNEL))
        yield Problem(host.name, f"the kernel is {system.kernel}; {wanted} or newer is needed")
    if NODE not in host.groups:
        return
    needed = {
        name: there
        for name, there in system.features.items()
        if name not in _ONLY_V2 or system.cgroups.version == 2
    }
    missing = sorted(name for name, there in needed.items() if there is False)
    unknown = sorted(name for name, there in needed.items() if there is None)
    if missing:
        yield Problem(host.name, f"the kernel {system.kernel} lacks {', '.join(missing)}")
    if unknown:
        text = f"nothing shows whether the kernel {system.kernel} has {', '.join(unknown)}"
        yield Problem(host.name, text, Severity.WARNING)


@for_each_host
def find_missing_controllers(host: PreflightHost) -> Iterator[Problem]:
    """Control groups cannot limit pods."""
    cgroups = host.facts.system.cgroups
    if NODE not in host.groups:
        return
    missing = [name for name in _CONTROLLERS.get(cgroups.version, ()) if name not in cgroups.controllers]
    if missing or not cgroups.version:
        yield Problem(host.name, f"cgroup v{cgroups.version} has no controller {', '.join(missing)}")


def _parse_version(text: str) -> tuple[int, int]:
    parts = [part for part in text.replace("-", ".").split(".") if part.isdigit()]
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 else (0, 0)
