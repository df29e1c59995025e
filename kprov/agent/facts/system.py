# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""Kernel, names, Python, user, service manager, time, environment."""

from __future__ import annotations

import os
import platform
import pwd
import socket
import sys
import time
from typing import Any

_MANAGERS = (("/run/systemd/system", "systemd"), ("/sbin/openrc", "openrc"))


def gather() -> dict[str, Any]:
    kernel = os.uname()
    user = pwd.getpwuid(os.geteuid())
    name = socket.gethostname()
    fqdn = socket.getfqdn()
    now = time.time()
    local, utc = time.localtime(now), time.gmtime(now)
    version = sys.version_info
    return {
        "system": kernel.sysname,
        "kernel": kernel.release,
        "kernel_version": kernel.version,
        "machine": kernel.machine,
        "architecture": kernel.machine,
        "userspace_architecture": kernel.machine,
        "userspace_bits": platform.architecture()[0].replace("bit", ""),
        "hostname": name.split(".")[0],
        "nodename": kernel.nodename,
        "fqdn": fqdn,
        "domain": fqdn.partition(".")[2],
        "python_version": platform.python_version(),
        "python": {
            "executable": sys.executable,
            "type": "cpython",
            "has_sslcontext": True,
            "version": {
                "major": version[0],
                "minor": version[1],
                "micro": version[2],
                "releaselevel": version[3],
                "serial": version[4],
            },
            "version_info": list(version),
        },
        "user_id": user.pw_name,
        "user_uid": user.pw_uid,
        "user_gid": user.pw_gid,
        "user_dir": user.pw_dir,
        "user_shell": user.pw_shell,
        "user_gecos": user.pw_gecos,
        "effective_user_id": os.geteuid(),
        "effective_group_id": os.getegid(),
        "real_user_id": os.getuid(),
        "real_group_id": os.getgid(),
        "service_mgr": next((name for path, name in _MANAGERS if os.path.exists(path)), "sysvinit"),
        "pkg_mgr": next(
            (m for p, m in (("/usr/bin/apt-get", "apt"), ("/usr/bin/dnf", "dnf")) if os.path.exists(p)),
            "unknown",
        ),
        "env": dict(os.environ),
        "machine_id": _line("/etc/machine-id"),
        "is_chroot": False,
        "selinux": {"status": "disabled"} if not os.path.exists("/sys/fs/selinux") else {"status": "enabled"},
        "apparmor": {"status": "enabled" if os.path.exists("/sys/kernel/security/apparmor") else "disabled"},
        "date_time": {
            "epoch": str(int(now)),
            "epoch_int": str(int(now)),
            "date": time.strftime("%Y-%m-%d", local),
            "time": time.strftime("%H:%M:%S", local),
            "year": time.strftime("%Y", local),
            "month": time.strftime("%m", local),
            "day": time.strftime("%d", local),
            "hour": time.strftime("%H", local),
            "minute": time.strftime("%M", local),
            "second": time.strftime("%S", local),
            "weekday": time.strftime("%A", local),
            "iso8601": time.strftime("%Y-%m-%dT%H:%M:%SZ", utc),
            "iso8601_basic_short": time.strftime("%Y%m%dT%H%M%S", local),
            "tz": time.strftime("%Z", local),
            "tz_offset": time.strftime("%z", local),
        },
    }


def _line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""
