"""Facts about virtualization: what the host runs in, and what it can run."""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent.facts.read import read_lines, read_text

_DMI = "/sys/devices/virtual/dmi/id/"
_CONTAINERS = {"docker", "lxc", "podman", "openvz", "containerd"}
_KVM_PRODUCTS = ("KVM", "KVM Server", "Bochs", "AHV", "CloudStack KVM Hypervisor")
_KVM_VENDORS = ("QEMU", "Amazon EC2", "DigitalOcean", "Google", "Scaleway", "Nutanix")
_VENDORS = {
    "oVirt": "oVirt", "KubeVirt": "KubeVirt", "Microsoft Corporation": "VirtualPC",
    "Parallels Software International Inc.": "parallels", "OpenStack Foundation": "openstack",
}  # fmt: skip
_CPUS = (
    (r"model name.*QEMU Virtual CPU", "kvm"),
    (r"vendor_id.*User Mode Linux", "uml"),
    (r"model name.*UML", "uml"),
    (r"machine.*CHRP IBM pSeries .emulated by qemu.", "kvm"),
    (r"vendor_id.*PowerVM Lx86", "powervm_lx86"),
)


class _Detection:
    """The detected technologies by role; `first` is Ansible's virtualization_type and role."""

    def __init__(self) -> None:
        self.first: tuple[str, str] | None = None
        self.technologies: dict[str, set[str]] = {"guest": set(), "host": set()}

    def add(self, kind: str, role: str = "guest") -> None:
        self.technologies[role].add(kind)
        self.first = self.first or (kind, role)


def read_virtualization() -> dict[str, Any]:
    detection = _Detection()
    _detect_containers(detection)
    _detect_machines(detection)
    _detect_host_roles(detection)
    kind, role = detection.first or ("NA", "NA")
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": sorted(detection.technologies["guest"]),
        "virtualization_tech_host": sorted(detection.technologies["host"]),
    }


def _detect_containers(detection: _Detection) -> None:
    for row in read_lines("/proc/1/cgroup"):
        if re.search(r"/docker(/|-[0-9a-f]+\.scope)", row):
            detection.add("docker")
        if "/lxc/" in row or "/machine.slice/machine-lxc" in row:
            detection.add("lxc")
        if "/system.slice/containerd.service" in row:
            detection.add("containerd")
    _detect_container_environment(detection)
    if os.path.exists("/proc/vz") and not os.path.exists("/proc/lve"):
        detection.add("openvz", "host" if os.path.exists("/proc/bc") else "guest")
    systemd_container = read_text("/run/systemd/container")
    if systemd_container:
        detection.add(systemd_container)
    if os.path.exists("/.dockerenv") or os.path.exists("/.dockerinit"):
        detection.add("docker")
    if systemd_container or detection.technologies["guest"] & _CONTAINERS:
        detection.technologies["guest"].add("container")
    if os.path.exists("/proc/xen"):
        is_host = any("control_d" in row for row in read_lines("/proc/xen/capabilities"))
        detection.add("xen", "host" if is_host else "guest")


def _detect_container_environment(detection: _Detection) -> None:
    for row in (read_text("/proc/1/environ") or "").split("\0"):
        for kind in ("lxc", "podman"):
            if f"container={kind}" in row:
                detection.add(kind)
        if re.match(r"container=.", row):
            detection.add("container")


def _detect_machines(detection: _Detection) -> None:
    product, vendor = read_text(_DMI + "product_name") or "", read_text(_DMI + "sys_vendor") or ""
    bios = read_text(_DMI + "bios_vendor") or ""
    family = read_text(_DMI + "product_family")
    checks = [
        ("kvm", product in _KVM_PRODUCTS),
        ("RHV", vendor == "Red Hat" and family == "RHV"),
        ("RHEV", vendor == "Red Hat" and product == "RHEV Hypervisor"),
        ("VMware", product.startswith("VMware")),
        ("openstack", product in ("OpenStack Compute", "OpenStack Nova")),
        ("xen", bios == "Xen"),
        ("virtualbox", bios == "innotek GmbH"),
        ("kvm", bios in ("Amazon EC2", "DigitalOcean", "Hetzner", "Linode")),
        ("kvm", vendor in _KVM_VENDORS),
        (_VENDORS.get(vendor, ""), vendor in _VENDORS),
    ]
    for kind, matches in checks:
        if matches:
            detection.add(kind)
    for row in read_lines("/proc/cpuinfo"):
        for pattern, kind in _CPUS:
            if re.match(pattern, row):
                detection.add(kind)


def _detect_host_roles(detection: _Detection) -> None:
    loaded = {row.split(" ", 1)[0] for row in read_lines("/proc/modules")}
    if "kvm" in loaded:
        detection.add("kvm", "host")
    if "vboxdrv" in loaded:
        detection.add("virtualbox", "host")
    if "virtio" in loaded:
        # virtio is the driver of a guest. Ansible lists kvm among the host's technologies too.
        detection.first = detection.first or ("kvm", "guest")
        detection.technologies["host"].add("kvm")
    if os.path.exists("/dev/kvm"):
        detection.add("kvm", "host")
