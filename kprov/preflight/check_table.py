"""All checks in the order of the output, and their names on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from kprov import suggestions
from kprov.errors import InputError
from kprov.preflight.checks import (
    clock,
    connectivity,
    identity,
    network,
    ports,
    resources,
    software,
    system,
)
from kprov.preflight.model import Check, Severity

#: The name of results about hosts without a connection. It cannot be ignored.
REACHABLE = "reachable"
ERROR, WARNING = Severity.ERROR, Severity.WARNING

CHECKS = (
    Check(
        "facts",
        WARNING,
        "the host answers all questions of the checks",
        "run the checks again, as root",
        system.find_failures,
    ),
    Check(
        "os",
        ERROR,
        "the roles support the distribution and its release",
        "install a supported release, or remove the host from the inventory",
        system.find_unsupported,
        blocks_installed=True,
    ),
    Check(
        "architecture",
        ERROR,
        "the processor is x86_64 or aarch64",
        "use another machine",
        system.find_architecture,
        blocks_installed=True,
    ),
    Check(
        "python",
        ERROR,
        "the components run on the host's Python",
        "install another release of the distribution, or set ansible_python_interpreter",
        system.find_old_python,
        blocks_installed=True,
    ),
    Check(
        "systemd",
        ERROR,
        "systemd is init",
        "boot the host with systemd",
        system.find_no_systemd,
        blocks_installed=True,
    ),
    Check(
        "root",
        ERROR,
        "tasks run as root",
        "set ansible_become to true, and ansible_become_user to root",
        system.find_no_root,
        blocks_installed=True,
    ),
    Check(
        "kernel",
        ERROR,
        "the kernel has overlayfs, nftables, connection tracking, namespaces, seccomp",
        "install the distribution's own kernel; in a container, load the module on its machine",
        system.find_kernel_problems,
    ),
    Check(
        "cgroups",
        ERROR,
        "control groups have the controllers cpu, cpuset, memory and pids",
        "add cgroup_enable=memory to the kernel's command line, or delegate all controllers to the container",
        system.find_missing_controllers,
    ),
    Check(
        "memory",
        ERROR,
        "control plane hosts have kubeadm's minimum of 1700 MB",
        "add memory to the machine",
        resources.find_little_memory,
    ),
    Check(
        "cpus",
        ERROR,
        "control plane hosts have kubeadm's minimum of 2 CPUs",
        "add CPUs to the machine",
        resources.find_few_cpus,
    ),
    Check(
        "disk-space",
        ERROR,
        "etcd, containerd, the kubelet and the bundle have free space",
        "remove files, or mount a larger filesystem there",
        resources.find_little_space,
    ),
    Check(
        "disk-latency",
        WARNING,
        "synchronous writes to etcd's disk are fast enough",
        "use an SSD for etcd_data_dir that no other load shares, or raise etcd_heartbeat_interval and "
        "etcd_election_timeout",
        resources.find_slow_disk,
        probes=True,
    ),
    Check(
        "swap",
        WARNING,
        "swap is off",
        "swapoff -a, and remove it from /etc/fstab: memory limits of pods do not count swapped memory",
        resources.find_swap,
    ),
    Check(
        "clock-offset",
        ERROR,
        "all clocks show the same time",
        "synchronize the clocks (chrony, systemd-timesyncd)",
        clock.find_offsets,
        blocks_installed=True,
    ),
    Check(
        "clock-sync",
        WARNING,
        "a time service synchronizes the clock",
        "install chrony, or enable systemd-timesyncd",
        clock.find_unsynchronized,
    ),
    Check(
        "certificate-time",
        ERROR,
        "the CA is valid by the host's clock",
        "set the host's clock",
        clock.find_early_clocks,
        blocks_installed=True,
    ),
    Check(
        "machine-id",
        ERROR,
        "machine IDs differ",
        "on cloned machines: rm /etc/machine-id && systemd-machine-id-setup, then reboot",
        identity.find_machine_ids,
    ),
    Check(
        "product-uuid",
        WARNING,
        "product UUIDs differ",
        "let the hypervisor make a new UUID for a cloned machine",
        identity.find_product_uuids,
    ),
    Check(
        "host-name",
        WARNING,
        "host names differ",
        "hostnamectl set-hostname NAME",
        identity.find_host_names,
    ),
    Check(
        "mac-address",
        ERROR,
        "MAC addresses of the cluster's interfaces differ",
        "give the cloned machine's interface a new address",
        identity.find_macs,
    ),
    Check(
        "ports",
        ERROR,
        "no other process uses a component's port",
        "stop that process, or let it listen on another port",
        ports.find_foreign_listeners,
        blocks_installed=True,
    ),
    Check(
        "address",
        ERROR,
        "an interface has the host's address in the cluster",
        "set the variable ip to an address of the host",
        network.find_missing_address,
        blocks_installed=True,
    ),
    Check(
        "routes",
        ERROR,
        "no route overlaps the networks of pods and services",
        "set kube_pods_subnet or kube_service_addresses to networks that are free, or remove the route",
        network.find_overlapping_routes,
    ),
    Check(
        "mtu",
        ERROR,
        "packets of the interface's size reach the other hosts",
        "set the MTU of the interfaces to what the network carries (ip link set dev INTERFACE mtu SIZE)",
        connectivity.find_mtu_problems,
        probes=True,
    ),
    Check(
        "firewall",
        ERROR,
        "hosts can connect to the components' ports on the other hosts",
        "allow these connections in the firewall of the host, or of the network",
        connectivity.find_blocked_ports,
        probes=True,
    ),
    Check(
        "firewall-service",
        WARNING,
        "neither ufw nor firewalld is active",
        "disable it, or allow the cluster's ports and forwarding for the networks of pods and services",
        software.find_firewalls,
    ),
    Check(
        "resolv-conf",
        WARNING,
        "pods can use the host's nameservers and search domains",
        "set upstream_dns_servers or kubelet_resolv_conf, or shorten /etc/resolv.conf",
        network.find_name_server_problems,
    ),
    Check(
        "dns",
        WARNING,
        "the host resolves names",
        "correct the nameservers in /etc/resolv.conf",
        network.find_unresolved_names,
        probes=True,
    ),
    Check(
        "repository",
        WARNING,
        "package repositories answer",
        "correct /etc/apt/sources.list, or set a proxy; packages that are missing cannot be installed",
        network.find_unreachable_repositories,
        probes=True,
    ),
    Check(
        "other-cluster",
        ERROR,
        "no other kubelet or Kubernetes is installed",
        "uninstall it, or use another machine",
        software.find_other_clusters,
        blocks_installed=True,
    ),
    Check(
        "container-engine",
        ERROR,
        "neither Docker nor another runtime is installed",
        "uninstall it: its packages and firewall rules conflict with containerd and pods",
        software.find_container_engines,
    ),
    Check(
        "etcd-data",
        ERROR,
        "etcd's data folder is empty before the installation",
        "move the data away, or set etcd_data_dir to another folder",
        software.find_foreign_etcd,
    ),
    Check(
        "cni-config",
        ERROR,
        "no other CNI configuration is installed",
        "remove it together with the software that wrote it",
        software.find_foreign_cni,
    ),
)
BY_NAME = {check.name: check for check in CHECKS}


def check_names(names: Iterable[str], *, file: str | None = None, field: str) -> frozenset[str]:
    """Return the names of checks to ignore. Raises InputError for a name that no check has."""
    wanted = frozenset(names)
    for name in sorted(wanted - BY_NAME.keys()):
        hint = suggestions.hint(name, BY_NAME) or "; `kprov preflight --list` shows all"
        raise InputError(f"no check is called {name!r}{hint}", file=file, field=field)
    return wanted
