"""What this machine is: addresses, capacity, versions (from /proc and /sys)."""

import os
import socket
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.options import VERSION
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.machinery.quantity import BINARY_SI, Quantity

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def default_address() -> str:
    """The address this host would speak from to others; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        try:
            end.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(end.getsockname()[0])


def memory() -> tuple[int, int]:
    """(total, available) in bytes, within the limit of the cgroup that holds this host, if there is one."""
    values: dict[str, int] = {}
    for line in _text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) * 1024
    return values.get("MemTotal", 0), values.get("MemAvailable", 0)


def disk(path: str) -> tuple[int, int, int, int]:
    """(bytes, free bytes, inodes, free inodes) of the file system that holds the path."""
    while not Path(path).exists():
        path = str(Path(path).parent)
    stat = os.statvfs(path)
    return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize, stat.f_files, stat.f_favail


def cpus() -> int:
    return len(os.sched_getaffinity(0)) or os.cpu_count() or 1


def capacity(config: KubeletConfig) -> dict[str, Quantity]:
    most = config.max_pods
    if config.pods_per_core:
        most = min(most, config.pods_per_core * cpus())
    return {
        "cpu": Quantity.of(cpus()),
        "memory": Quantity.of(memory()[0] // 1024 * 1024, BINARY_SI),
        "ephemeral-storage": Quantity.of(disk(config.root_dir)[0] // 1024 * 1024, BINARY_SI),
        "hugepages-1Gi": Quantity.of(0),
        "hugepages-2Mi": Quantity.of(0),
        "pods": Quantity.of(most),
    }


def threshold(text: str, whole: int) -> int:
    """Bytes of "10%" or "1Gi"."""
    if text.endswith("%"):
        return int(whole * float(text[:-1]) / 100)
    return Quantity.parse(text).value


def allocatable(config: KubeletConfig, total: dict[str, Quantity]) -> dict[str, Quantity]:
    """Capacity less what is reserved and what eviction keeps free."""
    result = dict(total)
    for reserved in (config.kube_reserved, config.system_reserved):
        for name, text in reserved.items():
            if name in result:
                result[name] = result[name] - Quantity.parse(text)
    signals = {"memory": "memory.available", "ephemeral-storage": "nodefs.available"}
    for name, signal in signals.items():
        if kept := config.eviction_hard.get(signal):
            whole = total[name].value
            result[name] = Quantity.of(
                max(0, result[name].value - threshold(kept, whole)), result[name].format
            )
    return {name: amount if amount.nanos > 0 else Quantity.of(0) for name, amount in result.items()}


def node_info(runtime_name: str, runtime_version: str) -> dict[str, Any]:
    release = dict(
        line.split("=", 1) for line in _text("/etc/os-release").splitlines() if "=" in line and line[0] != "#"
    )
    machine = _text("/etc/machine-id").strip()
    return {
        "machineID": machine,
        "systemUUID": _text("/sys/class/dmi/id/product_uuid").strip() or machine,
        "bootID": _text("/proc/sys/kernel/random/boot_id").strip(),
        "kernelVersion": os.uname().release,
        "osImage": release.get("PRETTY_NAME", "Linux").strip('"'),
        "containerRuntimeVersion": f"{runtime_name}://{runtime_version}",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": architecture(),
    }


def labels(config: KubeletConfig) -> dict[str, str]:
    arch = architecture()
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
