"""Reads ~/.ssh/config and ssh's arguments into a host's Options, with chains of jump hosts."""

from __future__ import annotations

import getpass
import importlib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko

from kprov.errors import InputError
from kprov.transport.options import ssh_arguments
from kprov.transport.options.host_options import Options, parse_host_key_mode

_SYSTEM = Path("/etc/ssh/ssh_config")
_DEPTH = 16


def load_config(path: str | None = None) -> paramiko.SSHConfig:
    """Load the user's and the system's configuration, or only `path` (ssh -F). Raises InputError."""
    config = paramiko.SSHConfig()
    files = [Path("~/.ssh/config").expanduser(), _SYSTEM]
    if path is not None:
        files = [] if path == "none" else [Path(path).expanduser()]
        if files and not files[0].exists():
            raise InputError("the file of ssh's option -F does not exist", file=files[0])
    # Lines before the first Host of a file apply to all hosts.
    text = "\n".join("Host *\n" + "\n".join(_read_lines(file, 0)) for file in files if file.is_file())
    if re.search(r"^\s*match\b.*\bexec\b", text, re.IGNORECASE | re.MULTILINE):
        # kprov.transport imports paramiko without it.
        paramiko.config.invoke = importlib.import_module("invoke")  # type: ignore[attr-defined]
    try:
        config.parse(text.splitlines())
    except paramiko.SSHException as error:
        raise InputError(str(error), file=files[0]) from None
    return config


def _read_lines(path: Path, depth: int) -> list[str]:
    """Return a file's lines with its Include directives replaced, which paramiko does not support."""
    if depth > _DEPTH:
        raise InputError("the Include directives are nested in a loop, or too deeply", file=path)
    lines: list[str] = []
    scope = "Host *"
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        word, _, rest = re.sub(r"\s*=\s*|\s+", " ", line.strip(), count=1).partition(" ")
        if word.lower() in ("host", "match"):
            scope = line.strip()
        if word.lower() != "include":
            lines.append(line)
            continue
        for pattern in shlex.split(rest, comments=True):
            base = Path("/etc/ssh" if path.is_relative_to("/etc/ssh") else "~/.ssh").expanduser()
            full_path = Path(pattern).expanduser()
            full_path = full_path if full_path.is_absolute() else base / full_path
            for included in sorted(Path("/").glob(str(full_path).lstrip("/"))):
                inner = _read_lines(included, depth + 1)
                if scope != "Host *" and any(
                    re.match(r"\s*(host|match)\b", inner_line, re.IGNORECASE) for inner_line in inner
                ):
                    raise InputError(
                        f"Include below {scope!r} of a file that has Host or Match itself is not supported; "
                        "put the Include at the top",
                        file=path,
                        line=number,
                    )
                lines += [*inner, scope]
    return lines


def resolve_options(
    name: str, address: str, settings: Mapping[str, Any], config: paramiko.SSHConfig, *, user: Any = None
) -> Options:
    """Return the Options of a destination from ssh's arguments and the configuration. Raises InputError."""
    try:
        ssh_settings: dict[str, Any] = dict(config.lookup(address))
    except (paramiko.SSHException, ImportError) as error:
        raise InputError(f"{name}: ~/.ssh/config: {error}") from None
    configured = ssh_settings.pop("identityfile", [])
    merged = dict(settings)
    if "proxyjump" in merged or "proxycommand" in merged:
        ssh_settings.pop("proxyjump", None)
        ssh_settings.pop("proxycommand", None)
    ssh_arguments.merge_settings(merged, ssh_settings)
    options = Options(name=name, address=merged.get("hostname", address), configured_keys=tuple(configured))
    options = _apply_settings(options, merged)
    return _apply_proxy(options, merged, config, str(user or options.user or getpass.getuser()))


def _apply_settings(options: Options, settings: Mapping[str, Any]) -> Options:
    changes: dict[str, Any] = {}
    values_by_keyword: dict[str, list[str]] = {}
    for key, value in settings.items():
        try:
            if key in _KNOWN_HOSTS:
                values_by_keyword[key] = shlex.split(value)
            elif key == "stricthostkeychecking":
                changes["host_key_checking"] = parse_host_key_mode(options.name, value)
            elif key in _FIELDS and not _keeps_default(key, value):
                field, convert = _FIELDS[key]
                changes[field] = convert(value)
        except ValueError:
            raise InputError(f"{options.name}: {value!r} is not a valid value for {key}", field=key) from None
    if values_by_keyword:
        values = (values_by_keyword.get(key, [default]) for key, default in _KNOWN_HOSTS.items())
        changes["known_hosts"] = tuple(path for paths in values for path in paths)
    return replace(options, **changes)


def _keeps_default(key: str, value: str) -> bool:
    """Whether the value turns a timeout off, which kprov does not support."""
    return (key == "connecttimeout" and value == "none") or (
        key == "serveraliveinterval" and float(value) == 0
    )


def _parse_yes_no(value: str) -> bool:
    return value.lower() in ("yes", "true")


#: ssh_config(5)'s files of known hosts, with their defaults.
_KNOWN_HOSTS = {
    "userknownhostsfile": "~/.ssh/known_hosts",
    "globalknownhostsfile": "/etc/ssh/ssh_known_hosts",
}
#: The field of Options for a setting of ssh_config(5), and the conversion of its value.
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "port": ("port", int),
    "user": ("user", str),
    "identityfile": ("keys", tuple),
    "identityagent": ("identity_agent", str),
    "identitiesonly": ("identities_only", _parse_yes_no),
    "pubkeyauthentication": ("public_keys", _parse_yes_no),
    "hashknownhosts": ("hash_known_hosts", _parse_yes_no),
    "hostkeyalias": ("host_key_alias", str),
    "connecttimeout": ("timeout", float),
    "serveraliveinterval": ("alive_interval", float),
    "serveralivecountmax": ("alive_count", lambda value: max(1, int(value))),
}


def _apply_proxy(
    options: Options, settings: Mapping[str, Any], config: paramiko.SSHConfig, user: str
) -> Options:
    jump, command = settings.get("proxyjump", "none"), settings.get("proxycommand", "none")
    if jump != "none":
        hops = [_resolve_jump(text.strip(), options, config) for text in str(jump).split(",")]
        # Jump hosts of the first jump host come before it.
        chain = [*hops[0].jumps, *(replace(hop, jumps=()) for hop in hops)]
        return replace(options, jumps=tuple(chain), proxy_command=hops[0].proxy_command)
    if command == "none":
        return options
    through = _parse_ssh_w(str(command), config)
    if through is not None:
        return replace(
            options, jumps=(*through.jumps, replace(through, jumps=())), proxy_command=through.proxy_command
        )
    values = {"%%": "%", "%h": options.address, "%p": str(options.port), "%r": user, "%n": options.name}
    text = re.sub(r"%.", lambda match: values.get(match[0], match[0]), str(command))
    return replace(options, proxy_command=text)


def _parse_ssh_w(command: str, config: paramiko.SSHConfig) -> Options | None:
    """Return `ssh -W %h:%p BASTION` as a jump host, which needs no process; None for other commands."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"{command!r}: {error}", field="ProxyCommand") from None
    if words[:1] == ["exec"]:
        del words[0]
    if not words or Path(words[0]).name != "ssh" or any(sign in command for sign in "|;&<>`$"):
        return None
    parsed = ssh_arguments.parse_command(words[1:], field="ProxyCommand")
    if "forward" not in parsed.settings or parsed.program or not parsed.destination:
        return None
    own = load_config(parsed.settings["configfile"]) if "configfile" in parsed.settings else config
    return _resolve_destination(parsed.destination, parsed.settings, own)


def _resolve_jump(text: str, target: Options, config: paramiko.SSHConfig) -> Options:
    """Return a hop of ProxyJump: settings of ~/.ssh/config, else the target's keys and host key checks."""
    hop = _resolve_destination(text, {}, config)
    plain = Options(name="", address="")
    if hop.known_hosts == plain.known_hosts:
        hop = replace(hop, known_hosts=target.known_hosts)
    if hop.host_key_checking == plain.host_key_checking:
        hop = replace(hop, host_key_checking=target.host_key_checking)
    if not hop.keys:
        hop = replace(hop, keys=target.keys, identities_only=hop.identities_only or target.identities_only)
    return replace(hop, identity_agent=hop.identity_agent or target.identity_agent, timeout=target.timeout)


def _resolve_destination(text: str, settings: Mapping[str, Any], config: paramiko.SSHConfig) -> Options:
    match = re.fullmatch(r"(?:ssh://)?(?:(.+)@)?(\[[^]]+\]|[^:@]+)(?::(\d+))?/?", text)
    if not match:
        raise InputError(f"{text!r} is not a jump host", field="ProxyJump")
    user, address, port = match.groups()
    address = address.strip("[]")
    hop = resolve_options(address, address, settings, config, user=user)
    return replace(hop, user=user or hop.user or getpass.getuser(), port=int(port or hop.port))
