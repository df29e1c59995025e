"""ansible.builtin.hostname."""

from __future__ import annotations

import os
import platform
import socket
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.facts import distribution
from kprov.agent.files import paths

_ELSEWHERE = ("freebsd", "macos", "macosx", "darwin", "openbsd", "solaris")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "use": {
        "choices": ["alpine", "debian", "generic", "openrc", "redhat", "sles", "systemd", *_ELSEWHERE],
    },
}
RULES: dict[str, Any] = {"diff": True}
_NETWORK = "/etc/sysconfig/network"


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Name the host, now and at the next boot."""
    name, way = args["name"], _find_method(args["use"])
    permanent = _read_permanent(way)
    current = permanent if way in ("redhat", "file", "sles", "alpine", "openrc") else socket.gethostname()
    if way == "systemd" and name not in (current, permanent) and len(name) > 64:
        raise ModuleError("name cannot be longer than 64 characters on systemd servers, try a shorter name")
    changed = name != current or (name != permanent and way != "command")
    if changed and not context.check:
        _set(way, name, current, permanent)
    host = socket.getfqdn()
    result: dict[str, Any] = {"changed": changed, "name": name}
    result["ansible_facts"] = {
        "ansible_hostname": name.split(".")[0],
        "ansible_nodename": name,
        "ansible_fqdn": host,
        "ansible_domain": ".".join(host.split(".")[1:]),
    }
    if changed:
        before = current if name != current else permanent
        result["diff"] = {"before": f"hostname = {before}\n", "after": f"hostname = {name}\n"}
    return result


def _find_method(use: str | None) -> str:
    """How the name is kept: systemd, redhat, file, sles, alpine, openrc."""
    if use in _ELSEWHERE or use == "generic":
        raise ModuleError(f"use: {use} is not for Linux hosts; leave it out")
    if use is not None:
        return "systemd" if use == "debian" else use
    if os.path.isdir("/run/systemd/system"):
        return "systemd"
    family = distribution.read_distribution()["os_family"]
    ways = {"RedHat": "redhat", "Debian": "file", "Alpine": "alpine", "Gentoo": "openrc", "Archlinux": "file"}
    if family not in ways:
        name = distribution.read_distribution()["distribution"]
        raise ModuleError(f"hostname module cannot be used on platform {platform.system()} ({name})")
    return ways[family]


def _read_permanent(way: str) -> str:
    if way == "redhat":
        try:
            for line in paths.read_text(_NETWORK).splitlines():
                if line.strip().startswith("HOSTNAME"):
                    return line.split("=")[1].strip()
        except OSError as error:
            raise ModuleError(f"failed to read hostname: {error}") from None
        raise ModuleError(f"Unable to locate HOSTNAME entry in {_NETWORK}")
    if way == "openrc":
        for line in _lines("/etc/conf.d/hostname"):
            if line.strip().startswith("hostname="):
                return line.strip()[9:].strip('"')
        return ""
    path = "/etc/HOSTNAME" if way == "sles" else "/etc/hostname"
    lines = [line.strip() for line in _lines(path)]
    return next((line for line in lines if line and not line.startswith("#")), "")


def _lines(path: str) -> list[str]:
    return paths.read_text(path).splitlines() if os.path.isfile(path) else []


def _set(way: str, name: str, current: str, permanent: str) -> None:
    if way == "systemd":
        if name != permanent:
            _run(["hostnamectl", "--pretty", "--static", "set-hostname", name])
        # The static name may have become the transient one with it.
        if socket.gethostname() != name:
            _run(["hostnamectl", "--transient", "set-hostname", name])
    elif way == "redhat":
        _replace(_NETWORK, "HOSTNAME", f"HOSTNAME={name}")
    elif way == "openrc":
        _replace("/etc/conf.d/hostname", "hostname=", f'hostname="{name}"')
    else:
        path = "/etc/HOSTNAME" if way == "sles" else "/etc/hostname"
        paths.write_file(path, f"{name}\n".encode(), {"unsafe_writes": True})
        if way == "alpine" and name != current:
            _run(["hostname", "-F", path])


def _replace(path: str, start: str, line: str) -> None:
    lines = _lines(path)
    new = [line if old.strip().startswith(start) else old for old in lines]
    if line not in new:
        new.append(line)
    paths.write_file(path, "".join(text + "\n" for text in new).encode(), {})


def _run(command: list[str]) -> None:
    try:
        code, out, err = process.run_program(command)
    except FileNotFoundError:
        raise ModuleError(f'Failed to find required executable "{command[0]}"') from None
    if code:
        raise ModuleError(f"Command failed rc={code}, out={out}, err={err}")
