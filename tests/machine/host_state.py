"""What a cluster could leave on a host: files, units, mounts, links, rules, users and processes."""

from __future__ import annotations

from typing import TypeAlias

from tests.qemu.virtual_machine import VirtualMachine

#: Sorted lines by subject.
HostState: TypeAlias = dict[str, list[str]]

_COMMANDS = {
    # Packages that stay installed own their files; their programs may be alternatives. Files such as passwd- are
    # copies that Debian's user tools make.
    "files": (
        "sort -u /var/lib/dpkg/info/*.list > /run/package-files;"
        " find /etc /opt /root /home /usr/local -xdev -not -type d -not -path '/etc/alternatives/*' -not -path '/etc/*-'"
        " | sort | comm -23 - /run/package-files"
    ),
    "data": (
        "for folder in /var/lib/{etcd,kubelet,containerd,cni} /var/log/{pods,containers};"
        " do [ ! -d $folder ] || find $folder -mindepth 1; done"
    ),
    "enabled units": "systemctl list-unit-files --state=enabled --no-legend --plain | awk '{print $1}'",
    "failed units": "systemctl list-units --failed --no-legend --plain | awk '{print $1}'",
    "mounts": "awk '$2 !~ \"^/run/user/\" {print $2, $3}' /proc/mounts",
    "links": "ip -o link | awk -F': ' '{print $2}'",
    "addresses": "ip -4 -o address | awk '{print $2, $4}'",
    "routes": "ip -4 -o route",
    "nftables": "! command -v nft >/dev/null || nft list tables",
    "listening sockets": "ss -Hltn | awk '{print $4}'",
    "kernel parameters": "sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter",
    "users": "cut -d: -f1 /etc/passwd",
    "control groups": "find /sys/fs/cgroup -maxdepth 2 -name 'kube*'",
    "processes": "ps -eo comm= | awk '/^(kube|etcd|containerd|haproxy|cluster-dns|pod-network|local-path|python)/'",
    "swap": "awk 'NR > 1 {print $1}' /proc/swaps",
}


def read_host_state(machine: VirtualMachine) -> HostState:
    """Read the machine's state."""
    # A slow machine needs more than the 25 s that systemctl waits for systemd.
    script = "export LC_ALL=C SYSTEMD_BUS_TIMEOUT=300\n"
    script += "".join(f"echo '# {subject}'\n{command}\n" for subject, command in _COMMANDS.items())
    state: HostState = {}
    for line in machine.run(script).splitlines():
        if line.startswith("# "):
            state[line[2:]] = lines = []
        elif line.strip():
            lines.append(line.strip())
    return {subject: sorted(set(lines)) for subject, lines in state.items()}


def find_additions(before: HostState, after: HostState) -> HostState:
    """Return the lines that only `after` has; subjects without such lines are left out."""
    found = {subject: sorted(set(lines) - set(before[subject])) for subject, lines in after.items()}
    return {subject: lines for subject, lines in found.items() if lines}
