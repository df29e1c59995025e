"""Facts of this machine from /proc and /sys: addresses, capacity, versions."""

import os
import socket
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.options import VERSION
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.machinery.quantity import BINARY_SI, Quantity

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def get_architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def find_default_address() -> str:
    """Return the address from which this host reaches other networks. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        try:
            end.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(end.getsockname()[0])


def read_memory() -> tuple[int, int]:
    """(total, available) in bytes."""
    values: dict[str, int] = {}
    for line in _read("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) * 1024
    return values.get("MemTotal", 0), values.get("MemAvailable", 0)


def read_disk(path: str) -> tuple[int, int, int, int]:
    """(bytes, free bytes, inodes, free inodes) of the file system that holds the path."""
    while not Path(path).exists():
        path = str(Path(path).parent)
    stat = os.statvfs(path)
    return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize, stat.f_files, stat.f_favail


def count_cpus() -> int:
    return len(os.sched_getaffinity(0)) or os.cpu_count() or 1


def compute_capacity(config: KubeletConfiguration) -> dict[str, Quantity]:
    max_pods = config.max_pods
    if config.pods_per_core:
        max_pods = min(max_pods, config.pods_per_core * count_cpus())
    return {
        "cpu": Quantity.of(count_cpus()),
        "memory": Quantity.of(read_memory()[0] // 1024 * 1024, BINARY_SI),
        "ephemeral-storage": Quantity.of(read_disk(config.root_dir)[0] // 1024 * 1024, BINARY_SI),
        "hugepages-1Gi": Quantity.of(0),
        "hugepages-2Mi": Quantity.of(0),
        "pods": Quantity.of(max_pods),
    }


def parse_threshold(text: str, whole: int) -> int:
    """Bytes of "10%" or "1Gi"."""
    if text.endswith("%"):
        return int(whole * float(text[:-1]) / 100)
    return Quantity.parse(text).value


def compute_allocatable(config: KubeletConfiguration, total: dict[str, Quantity]) -> dict[str, Quantity]:
    """Capacity without the reserved amounts and without what eviction keeps free."""
    result = dict(total)
    for reserved in (config.kube_reserved, config.system_reserved):
        for name, text in reserved.items():
            if name in result:
                result[name] = result[name] - Quantity.parse(text)
    signals = {"memory": "memory.available", "ephemeral-storage": "nodefs.available"}
    for name, signal in signals.items():
        if reserve := config.eviction_hard.get(signal):
            whole = total[name].value
            result[name] = Quantity.of(
                max(0, result[name].value - parse_threshold(reserve, whole)), result[name].format
            )
    return {name: amount if amount.nanos > 0 else Quantity.of(0) for name, amount in result.items()}


def make_node_info(runtime_name: str, runtime_version: str) -> dict[str, Any]:
    release = dict(
        line.split("=", 1) for line in _read("/etc/os-release").splitlines() if "=" in line and line[0] != "#"
    )
    machine = _read("/etc/machine-id").strip()
    return {
        "machineID": machine,
        "systemUUID": _read("/sys/class/dmi/id/product_uuid").strip() or machine,
        "bootID": _read("/proc/sys/kernel/random/boot_id").strip(),
        "kernelVersion": os.uname().release,
        "osImage": release.get("PRETTY_NAME", "Linux").strip('"'),
        "containerRuntimeVersion": f"{runtime_name}://{runtime_version}",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": get_architecture(),
    }


def make_labels(config: KubeletConfiguration) -> dict[str, str]:
    arch = get_architecture()
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
