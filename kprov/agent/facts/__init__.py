"""Gathers facts of a host under Ansible's names; each file has the facts of one subject.

A collector names its subset and its facts, so that a request for a few facts runs only their collectors.
"""

from __future__ import annotations

import fnmatch
from typing import Any, Callable, NamedTuple

from kprov.agent.context import ModuleError
from kprov.agent.facts import (
    disks,
    distribution,
    hardware,
    local,
    network,
    security,
    software,
    system,
    virtual,
)


class Options(NamedTuple):
    """Arguments of `setup` that collectors look at."""

    fact_path: str = "/etc/ansible/facts.d"
    gather_timeout: int = 10


class Collector(NamedTuple):
    """The names of facts (without ansible_; a trailing * matches any end) and the function to read them."""

    subset: str
    facts: tuple[str, ...]
    gather: Callable[[], dict[str, Any]]
    groups: tuple[str, ...] = ()


_DISTRIBUTION = (
    *("distribution", "distribution_version", "distribution_release", "distribution_major_version"),
    *("distribution_minor_version", "distribution_file_*", "os_family"),
)
_DMI = ("bios_*", "board_*", "chassis_*", "form_factor", "product_*", "system_vendor")


def _collectors(options: Options) -> list[Collector]:
    timeout = options.gather_timeout
    return [
        Collector("platform", system.PLATFORM, system.read_platform),
        Collector("platform", ("fqdn", "domain"), system.read_host_names),
        Collector("distribution", _DISTRIBUTION, distribution.read_distribution),
        Collector("user", ("user_*", "real_*", "effective_*"), system.read_user),
        Collector("env", ("env",), system.read_environment),
        Collector("date_time", ("date_time",), system.read_date_time),
        Collector("python", ("python",), software.read_python),
        Collector("pkg_mgr", ("pkg_mgr",), software.find_package_manager),
        Collector("service_mgr", ("service_mgr",), software.find_service_manager),
        Collector("lsb", ("lsb",), software.read_lsb),
        Collector("ssh_pub_keys", ("ssh_host_key_*",), software.read_ssh_keys),
        Collector("cmdline", ("cmdline", "proc_cmdline"), system.read_cmdline),
        Collector("dns", ("dns",), network.read_dns),
        Collector("fips", ("fips",), security.read_fips),
        Collector("selinux", ("selinux", "selinux_python_present"), security.read_selinux),
        Collector("apparmor", ("apparmor",), security.read_apparmor),
        Collector(
            "caps", ("system_capabilities", "system_capabilities_enforced"), security.read_capabilities
        ),
        Collector("local", ("local",), lambda: local.read_local_facts(options.fact_path)),
        Collector("chroot", ("is_chroot",), system.read_chroot),
        Collector("loadavg", ("loadavg",), system.read_loadavg),
        Collector("systemd", ("systemd",), software.read_systemd),
        Collector("virtual", ("virtualization_*",), virtual.read_virtualization),
        Collector(
            "hardware", hardware.CPU, hardware.read_cpu, ("processor", "processor_cores", "processor_count")
        ),
        Collector("hardware", hardware.MEMORY, hardware.read_memory),
        Collector("hardware", ("uptime_seconds",), hardware.read_uptime),
        Collector("hardware", _DMI, hardware.read_dmi),
        Collector("hardware", ("mounts",), lambda: disks.read_mounts(timeout), ("mounts",)),
        Collector("hardware", ("devices", "device_links"), disks.read_devices, ("devices",)),
        Collector("hardware", ("lvm",), disks.read_lvm),
        Collector("network", network.FACTS, network.read_network, network.FACTS[:5]),
        Collector("fibre_channel_wwn", ("fibre_channel_wwn",), network.read_fibre_channel),
        Collector("iscsi", ("iscsi_iqn",), network.read_iscsi),
        Collector("nvme", ("hostnqn",), network.read_nvme),
    ]


_MINIMAL = {
    "apparmor", "caps", "cmdline", "date_time", "distribution", "dns", "env", "fips", "local", "lsb",
    "pkg_mgr", "platform", "python", "selinux", "service_mgr", "ssh_pub_keys", "user",
}  # fmt: skip
#: Subsets that are gathered together with a subset.
_NEEDS = {
    "network": {"platform", "distribution"},
    "hardware": {"platform"},
    "pkg_mgr": {"distribution"},
    "service_mgr": {"platform", "distribution"},
}
_SSH_KEY_TYPES = ("dsa", "rsa", "ecdsa", "ed25519")
#: Other names of subsets: the names of some of their facts.
_ALIASES = {
    **dict.fromkeys(
        ("system", "kernel", "kernel_version", "machine", "architecture", "machine_id"), "platform"
    ),
    "python_version": "python",
    **dict.fromkeys(
        ("distribution_version", "distribution_release", "distribution_major_version"), "distribution"
    ),
    **dict.fromkeys(("os_family",), "distribution"),
    **dict.fromkeys(("user_id", "user_uid", "user_gid", "user_gecos", "user_dir", "user_shell"), "user"),
    **dict.fromkeys(("real_user_id", "effective_user_id", "effective_group_ids"), "user"),
    **dict.fromkeys(("system_capabilities", "system_capabilities_enforced"), "caps"),
    **dict.fromkeys(
        [f"ssh_host_key_{kind}_public" for kind in _SSH_KEY_TYPES] + ["ssh_host_pub_keys"], "ssh_pub_keys"
    ),
    "is_chroot": "chroot",
    **dict.fromkeys(("processor", "processor_cores", "processor_count", "mounts", "devices"), "hardware"),
    **dict.fromkeys(network.FACTS[:5], "network"),
    **dict.fromkeys(
        (
            "virtualization_type",
            "virtualization_role",
            "virtualization_tech_guest",
            "virtualization_tech_host",
        ),
        "virtual",
    ),
}


def gather_facts(
    subset: list[str],
    patterns: list[str],
    *,
    names: list[str] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Gather the facts (ansible_*) of Ansible's subsets, or of all collectors that `names` need.

    Raises ModuleError for an unknown subset.
    """
    collectors = _collectors(options or Options())
    if names is not None:
        selected_collectors = _find_collectors(collectors, names)
    else:
        selected_subsets = select_subsets({collector.subset for collector in collectors}, subset)
        selected_collectors = [collector for collector in collectors if collector.subset in selected_subsets]
    facts: dict[str, Any] = {}
    for collector in selected_collectors:
        facts.update(collector.gather())
    prefixed = {f"ansible_{name}": value for name, value in facts.items()}
    if names is None:
        prefixed["gather_subset"] = subset
        prefixed["module_setup"] = True
    if patterns:
        prefixed_patterns = [
            p if p.startswith(("ansible_", "facter_", "ohai_")) else f"ansible_{p}" for p in patterns
        ]
        prefixed = {
            name: value
            for name, value in prefixed.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in [*prefixed_patterns, *patterns])
        }
    return prefixed


def select_subsets(available: set[str], subset: list[str]) -> set[str]:
    """Select subsets by Ansible's rules: the minimal ones unless "!min", then add and remove named ones.

    Source: the documentation of setup's gather_subset.
    """
    valid = available | set(_ALIASES) | {"facter", "ohai"}
    added, excluded, explicit = set(_MINIMAL), set(), set()
    for name in subset:
        base_name = name.removeprefix("!")
        group = {base_name, _ALIASES.get(base_name, base_name)}
        if base_name in ("min", "all"):
            group = (
                _MINIMAL if base_name == "min" else available - _MINIMAL if name != base_name else available
            )
        elif name == base_name and name not in valid:
            allowed = ", ".join(sorted(valid))
            text = f"Bad subset '{name}' given to Ansible. gather_subset options allowed: all, {allowed}"
            raise ModuleError(text)
        if name != base_name:
            excluded |= group
        else:
            added |= group
            explicit |= group if base_name not in ("min", "all") else set()
    selected = (added - (excluded - explicit)) | explicit
    return selected.union(*(_NEEDS.get(name, set()) for name in selected))


def _find_collectors(collectors: list[Collector], names: list[str]) -> list[Collector]:
    """Return the collectors of these facts. A name without a collector may be that of an interface."""
    base_names = [name.removeprefix("ansible_") for name in names]
    selected = [
        collector for collector in collectors if any(_makes_fact(collector, name) for name in base_names)
    ]
    if any(not any(_makes_fact(collector, name) for collector in collectors) for name in base_names):
        selected += [
            collector
            for collector in collectors
            if collector.subset == "network" and collector not in selected
        ]
    return selected


def _makes_fact(collector: Collector, name: str) -> bool:
    return any(name.startswith(f[:-1]) if f.endswith("*") else name == f for f in collector.facts)
