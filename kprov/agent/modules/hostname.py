"""ansible.builtin.hostname: the host's name."""

from __future__ import annotations

import os
import platform
import socket
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.facts import distribution
from kprov.agent.files import paths

_NOT_LINUX = ("freebsd", "macos", "macosx", "darwin", "openbsd", "solaris")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "use": {
        "choices": ["alpine", "debian", "generic", "openrc", "redhat", "sles", "systemd", *_NOT_LINUX],
    },
}
RULES: dict[str, Any] = {"diff": True}
_NETWORK = "/etc/sysconfig/network"


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set the host's name now and for the next boot."""
    name, method = args["name"], _find_method(args["use"])
    permanent = _read_permanent(method)
    current = permanent if method in ("redhat", "file", "sles", "alpine", "openrc") else socket.gethostname()
    if method == "systemd" and name not in (current, permanent) and len(name) > 64:
        raise ModuleError("name cannot be longer than 64 characters on systemd servers, try a shorter name")
    changed = name != current or (name != permanent and method != "command")
    if changed and not context.check:
        _set_name(method, name, current, permanent)
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
    """Return how the host stores its name: systemd, redhat, file, sles, alpine, openrc."""
    if use in _NOT_LINUX or use == "generic":
        raise ModuleError(f"use: {use} is not for Linux hosts; leave it out")
    if use is not None:
        return "systemd" if use == "debian" else use
    if os.path.isdir("/run/systemd/system"):
        return "systemd"
    family = distribution.read_distribution()["os_family"]
    methods = {
        "RedHat": "redhat",
        "Debian": "file",
        "Alpine": "alpine",
        "Gentoo": "openrc",
        "Archlinux": "file",
    }
    if family not in methods:
        name = distribution.read_distribution()["distribution"]
        raise ModuleError(f"hostname module cannot be used on platform {platform.system()} ({name})")
    return methods[family]


def _read_permanent(method: str) -> str:
    if method == "redhat":
        try:
            for line in paths.read_text(_NETWORK).splitlines():
                if line.strip().startswith("HOSTNAME"):
                    return line.split("=")[1].strip()
        except OSError as error:
            raise ModuleError(f"failed to read hostname: {error}") from None
        raise ModuleError(f"Unable to locate HOSTNAME entry in {_NETWORK}")
    if method == "openrc":
        for line in _read_lines("/etc/conf.d/hostname"):
            if line.strip().startswith("hostname="):
                return line.strip()[9:].strip('"')
        return ""
    path = "/etc/HOSTNAME" if method == "sles" else "/etc/hostname"
    lines = [line.strip() for line in _read_lines(path)]
    return next((line for line in lines if line and not line.startswith("#")), "")


def _read_lines(path: str) -> list[str]:
    return paths.read_text(path).splitlines() if os.path.isfile(path) else []


def _set_name(method: str, name: str, current: str, permanent: str) -> None:
    if method == "systemd":
        if name != permanent:
            _run(["hostnamectl", "--pretty", "--static", "set-hostname", name])
        # hostnamectl may have set the transient name together with the static one.
        if socket.gethostname() != name:
            _run(["hostnamectl", "--transient", "set-hostname", name])
    elif method == "redhat":
        _replace_line(_NETWORK, "HOSTNAME", f"HOSTNAME={name}")
    elif method == "openrc":
        _replace_line("/etc/conf.d/hostname", "hostname=", f'hostname="{name}"')
    else:
        path = "/etc/HOSTNAME" if method == "sles" else "/etc/hostname"
        paths.write_file(path, f"{name}\n".encode(), {"unsafe_writes": True})
        if method == "alpine" and name != current:
            _run(["hostname", "-F", path])


def _replace_line(path: str, start: str, line: str) -> None:
    lines = _read_lines(path)
    new_lines = [line if current.strip().startswith(start) else current for current in lines]
    if line not in new_lines:
        new_lines.append(line)
    paths.write_file(path, "".join(text + "\n" for text in new_lines).encode(), {})


def _run(command: list[str]) -> None:
    try:
        code, out, err = process.run_program(command)
    except FileNotFoundError:
        raise ModuleError(f'Failed to find required executable "{command[0]}"') from None
    if code:
        raise ModuleError(f"Command failed rc={code}, out={out}, err={err}")
