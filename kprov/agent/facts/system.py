"""Facts about the kernel, host names, user, time, environment, command line, chroot and load."""

from __future__ import annotations

import datetime as dt
import os
import platform
import pwd
import shlex
import socket
import struct
import time
from typing import Any

from kprov.agent.facts.read import read_line

PLATFORM = (
    *("system", "kernel", "kernel_version", "machine", "architecture", "userspace_architecture"),
    *("userspace_bits", "hostname", "nodename", "python_version", "machine_id"),
)


def read_platform() -> dict[str, Any]:
    kernel = os.uname()
    bits = str(struct.calcsize("P") * 8)
    machine_32 = "i386" if kernel.machine in ("i386", "i686", "x86_64") else kernel.machine
    machine = "i386" if kernel.machine == "i686" else kernel.machine
    return {
        "system": kernel.sysname,
        "kernel": kernel.release,
        "kernel_version": kernel.version,
        "machine": kernel.machine,
        "architecture": machine,
        "userspace_architecture": machine if bits == "64" else machine_32,
        "userspace_bits": bits,
        "hostname": kernel.nodename.split(".")[0],
        "nodename": kernel.nodename,
        "python_version": platform.python_version(),
        "machine_id": read_line("/var/lib/dbus/machine-id") or read_line("/etc/machine-id"),
    }


def read_host_names() -> dict[str, Any]:
    """Read the host's full name. It has a collector of its own because the resolver may be slow."""
    fqdn = socket.getfqdn()
    return {"fqdn": fqdn, "domain": fqdn.partition(".")[2]}


def read_user() -> dict[str, Any]:
    entry = pwd.getpwuid(os.getuid())
    return {
        "user_id": entry.pw_name,
        "user_uid": entry.pw_uid,
        "user_gid": entry.pw_gid,
        "user_gecos": entry.pw_gecos,
        "user_dir": entry.pw_dir,
        "user_shell": entry.pw_shell,
        "real_user_id": os.getuid(),
        "effective_user_id": os.geteuid(),
        "real_group_id": os.getgid(),
        "effective_group_id": os.getegid(),
    }


def read_environment() -> dict[str, Any]:
    return {"env": dict(os.environ)}


def read_date_time() -> dict[str, Any]:
    """Read the time in Ansible's forms: local time, except iso8601 and iso8601_micro, which are in UTC."""
    now = time.time()
    local = dt.datetime.fromtimestamp(now).astimezone()
    utc = dt.datetime.fromtimestamp(now, dt.timezone.utc)
    forms = {
        "year": "%Y", "month": "%m", "weekday": "%A", "weekday_number": "%w", "weeknumber": "%W", "day": "%d",
        "hour": "%H", "minute": "%M", "second": "%S", "date": "%Y-%m-%d", "time": "%H:%M:%S",
        "iso8601_basic": "%Y%m%dT%H%M%S%f", "iso8601_basic_short": "%Y%m%dT%H%M%S",
    }  # fmt: skip
    return {
        "date_time": {
            **{name: local.strftime(form) for name, form in forms.items()},
            "epoch": str(int(now)),
            "epoch_int": str(int(now)),
            "iso8601": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "iso8601_micro": utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "tz": time.strftime("%Z"),
            "tz_dst": time.tzname[1],
            "tz_offset": time.strftime("%z"),
        }
    }


def read_cmdline() -> dict[str, Any]:
    """Read the kernel's command line. A word without a value is true; `proc_cmdline` has repeated values."""
    last_values: dict[str, Any] = {}
    all_values: dict[str, Any] = {}
    for word in shlex.split(read_line("/proc/cmdline"), posix=False):
        name, equals, text = word.partition("=")
        value: Any = text if equals else True
        last_values[name] = value
        if name in all_values:
            earlier = all_values[name]
            all_values[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            all_values[name] = value
    return {"cmdline": last_values, "proc_cmdline": all_values}


def read_chroot() -> dict[str, Any]:
    own_root = os.stat("/")
    try:
        init_root = os.stat("/proc/1/root/.")
    except OSError:
        return {"is_chroot": own_root.st_ino != 2}
    return {"is_chroot": (own_root.st_dev, own_root.st_ino) != (init_root.st_dev, init_root.st_ino)}


def read_loadavg() -> dict[str, Any]:
    return {"loadavg": dict(zip(("1m", "5m", "15m"), os.getloadavg()))}
