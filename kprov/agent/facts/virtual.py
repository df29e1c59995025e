"""What the host runs in, and what it can run."""

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
    """The first thing found names the type; all are told in the lists."""

    def __init__(self) -> None:
        self.first: tuple[str, str] | None = None
        self.techs: dict[str, set[str]] = {"guest": set(), "host": set()}

    def add(self, kind: str, role: str = "guest") -> None:
        self.techs[role].add(kind)
        self.first = self.first or (kind, role)


def read_virtualization() -> dict[str, Any]:
    found = _Detection()
    _detect_containers(found)
    _detect_machines(found)
    _detect_host_roles(found)
    kind, role = found.first or ("NA", "NA")
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": sorted(found.techs["guest"]),
        "virtualization_tech_host": sorted(found.techs["host"]),
    }


def _detect_containers(found: _Detection) -> None:
    for row in read_lines("/proc/1/cgroup"):
        if re.search(r"/docker(/|-[0-9a-f]+\.scope)", row):
            found.add("docker")
        if "/lxc/" in row or "/machine.slice/machine-lxc" in row:
            found.add("lxc")
        if "/system.slice/containerd.service" in row:
            found.add("containerd")
    _detect_container_environment(found)
    if os.path.exists("/proc/vz") and not os.path.exists("/proc/lve"):
        found.add("openvz", "host" if os.path.exists("/proc/bc") else "guest")
    systemd = read_text("/run/systemd/container")
    if systemd:
        found.add(systemd)
    if os.path.exists("/.dockerenv") or os.path.exists("/.dockerinit"):
        found.add("docker")
    if systemd or found.techs["guest"] & _CONTAINERS:
        found.techs["guest"].add("container")
    if os.path.exists("/proc/xen"):
        host = any("control_d" in row for row in read_lines("/proc/xen/capabilities"))
        found.add("xen", "host" if host else "guest")


def _detect_container_environment(found: _Detection) -> None:
    for row in (read_text("/proc/1/environ") or "").split("\0"):
        for kind in ("lxc", "podman"):
            if f"container={kind}" in row:
                found.add(kind)
        if re.match(r"container=.", row):
            found.add("container")


def _detect_machines(found: _Detection) -> None:
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
    for kind, is_it in checks:
        if is_it:
            found.add(kind)
    for row in read_lines("/proc/cpuinfo"):
        for pattern, kind in _CPUS:
            if re.match(pattern, row):
                found.add(kind)


def _detect_host_roles(found: _Detection) -> None:
    loaded = {row.split(" ", 1)[0] for row in read_lines("/proc/modules")}
    if "kvm" in loaded:
        found.add("kvm", "host")
    if "vboxdrv" in loaded:
        found.add("virtualbox", "host")
    if "virtio" in loaded:
        # The guest's driver; Ansible counts it among what the host can do.
        found.first = found.first or ("kvm", "guest")
        found.techs["host"].add("kvm")
    if os.path.exists("/dev/kvm"):
        found.add("kvm", "host")
