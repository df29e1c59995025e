"""Which sysctls a pod may set: safe ones, and those of the configuration (pkg/kubelet/sysctl)."""

import os
import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.component_base.configfile import ConfigError

REASON: Final = "SysctlForbidden"
_IPC, _NET = "IPC", "Net"
#: Safe sysctls with the kernel since which each network namespace has its own.
_SAFE: Final = {
    "kernel.shm_rmid_forced": (0, 0),
    "net.ipv4.ip_local_port_range": (0, 0),
    "net.ipv4.tcp_syncookies": (0, 0),
    "net.ipv4.ping_group_range": (0, 0),
    "net.ipv4.ip_unprivileged_port_start": (0, 0),
    "net.ipv4.ip_local_reserved_ports": (3, 16),
    "net.ipv4.tcp_keepalive_time": (4, 5),
    "net.ipv4.tcp_fin_timeout": (4, 6),
    "net.ipv4.tcp_keepalive_intvl": (4, 5),
    "net.ipv4.tcp_keepalive_probes": (4, 5),
    "net.ipv4.tcp_rmem": (4, 15),
    "net.ipv4.tcp_wmem": (4, 15),
}
#: Sysctls of the IPC namespace that are no whole subtree.
_IPC_NAMES: Final = frozenset({
    "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
})  # fmt: skip
#: Starts of names in a pattern.
_IPC_STARTS: Final = ("kernel.shm", "kernel.msg")
_SEGMENT: Final = r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_PATTERN: Final = re.compile(rf"({_SEGMENT}[\./])*({_SEGMENT}[\./]|{_SEGMENT})?\*?")
_MAX_LENGTH: Final = 253


class SysctlRules:
    """`unsafe`: names or patterns that end in "*" (allowedUnsafeSysctls). Raises ConfigError."""

    def __init__(self, unsafe: Sequence[str], release: str = "") -> None:
        """`release`: of the kernel, this host's without it."""
        kernel = _parse_release(release or os.uname().release)
        safe = [name for name, since in _SAFE.items() if kernel >= since]
        self._namespaces = {name: _find_namespace(name) for name in safe}
        self._prefixes: dict[str, str] = {}
        for pattern in unsafe:
            self._allow(pattern)

    def _allow(self, pattern: str) -> None:
        field = "allowedUnsafeSysctls"
        if not pattern or len(pattern) > _MAX_LENGTH or not _PATTERN.fullmatch(pattern):
            raise ConfigError(
                f'{field}: "{pattern}" is not the name of a sysctl, nor the start of one and "*"'
            )
        name = normalize(pattern.removesuffix("*"))
        namespace = _find_namespace(name, is_start=pattern.endswith("*"))
        if not namespace:
            raise ConfigError(f'{field}: the sysctls "{name}" are not known to be namespaced')
        (self._prefixes if pattern.endswith("*") else self._namespaces)[name] = namespace

    def find_problem(self, pod: Pod) -> str | None:
        """Why the pod may not run here. None if it may."""
        for item in (pod.spec.security_context or {}).get("sysctls") or []:
            if problem := self._check(normalize(item["name"]), pod):
                return f"forbidden sysctl: {problem}"
        return None

    def _check(self, name: str, pod: Pod) -> str | None:
        namespace = self._namespaces.get(name)
        if namespace is None:
            prefix = next((item for item in self._prefixes if name.startswith(item)), None)
            namespace = self._prefixes[prefix] if prefix is not None else None
        if namespace is None:
            return f'"{name}" not allowlisted'
        if (namespace == _IPC and pod.spec.host_ipc) or (namespace == _NET and pod.spec.host_network):
            return f'"{name}" not allowed with host {namespace} enabled'
        return None


def normalize(name: str) -> str:
    """Return the name with dots between its parts: net/ipv4/conf/eth0.1/x is net.ipv4.conf.eth0/1.x."""
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def _find_namespace(name: str, *, is_start: bool = False) -> str:
    if name in _IPC_NAMES or name.startswith("fs.mqueue.") or (is_start and name in _IPC_STARTS):
        return _IPC
    return _NET if name.startswith("net.") else ""


def _parse_release(release: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)
