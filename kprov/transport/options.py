"""How to reach a host: Ansible's connection variables, ssh's options and ~/.ssh/config as one value."""

from __future__ import annotations

import getpass
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paramiko

from kprov.errors import InputError

HOST_KEY_MODES = ("yes", "accept-new", "ask", "no")
DEFAULT_PYTHON = "python3"


@dataclass(frozen=True)
class Become:
    """Another user for a task: `method` sudo, su or doas, `password` where one is asked for.

    `flags` replace what is usual for the method (sudo: -H), as become_flags do in Ansible.
    """

    user: str = "root"
    method: str = "sudo"
    password: str | None = field(default=None, repr=False)
    exe: str = "sudo"
    flags: str | None = None


@dataclass(frozen=True)
class Options:
    """One host's connection; `jumps` are passed first to last. Times are seconds."""

    name: str
    address: str
    port: int = 22
    user: str = ""
    password: str | None = field(default=None, repr=False)
    keys: tuple[str, ...] = ()
    passphrase: str | None = field(default=None, repr=False)
    known_hosts: tuple[str, ...] = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    host_key_checking: str = "ask"
    host_key_alias: str | None = None
    identities_only: bool = False
    jumps: tuple[Options, ...] = ()
    timeout: float = 10.0
    alive_interval: float = 15.0
    alive_count: int = 4
    python: str = DEFAULT_PYTHON
    local: bool = False


def from_variables(
    name: str, variables: Mapping[str, Any], *, config: paramiko.SSHConfig | None = None
) -> Options:
    """Options of a host from its variables, templated already; InputError names the wrong one."""

    def get(*names: str) -> Any:
        return next((variables[n] for n in names if variables.get(n) not in (None, "")), None)

    python = str(get("ansible_python_interpreter") or DEFAULT_PYTHON)
    if python.startswith("auto"):
        python = DEFAULT_PYTHON
    connection = str(get("ansible_connection") or "ssh").split(".")[-1]
    if connection == "local" or (
        name in ("localhost", "127.0.0.1") and get("ansible_connection", "ansible_host") is None
    ):
        return Options(name=name, address="localhost", local=True, python=python)
    if connection not in ("ssh", "smart", "paramiko", "paramiko_ssh"):
        raise InputError(
            f"{name}: connection {connection!r} is not supported; ssh and local are",
            field="ansible_connection",
        )
    config = config if config is not None else user_config()
    options = _configured(name, str(get("ansible_host", "ansible_ssh_host") or name), config)
    words = [
        word
        for key in ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
        for word in shlex.split(str(variables.get(key) or ""))
    ]
    options = _argued(options, words, config)
    port = get("ansible_port", "ansible_ssh_port")
    try:
        options = replace(
            options,
            port=int(port or options.port),
            timeout=float(get("ansible_ssh_timeout", "ansible_timeout") or options.timeout),
        )
    except ValueError:
        raise InputError(f"{name}: {port!r} is not a port", field="ansible_port") from None
    user, key = (
        get("ansible_user", "ansible_ssh_user"),
        get("ansible_ssh_private_key_file", "ansible_private_key_file"),
    )
    password, phrase = (
        get("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
        get("ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"),
    )
    checking = get("kprov_host_key_checking")
    plain = get("ansible_host_key_checking", "ansible_ssh_host_key_checking")
    if checking is None and plain is not None and str(plain).lower() in ("false", "no", "0"):
        checking = "no"
    if checking is not None:
        options = replace(options, host_key_checking=_mode(name, str(checking)))
    return replace(
        options,
        user=str(user or options.user or getpass.getuser()),
        keys=(str(key),) if key else options.keys,
        password=str(password) if password is not None else None,
        passphrase=str(phrase) if phrase is not None else None,
        python=python,
    )


def user_config() -> paramiko.SSHConfig:
    """~/.ssh/config, empty when there is none."""
    path = Path("~/.ssh/config").expanduser()
    config = paramiko.SSHConfig()
    if path.is_file():
        with path.open() as file:
            config.parse(file)
    return config


def _mode(name: str, text: str) -> str:
    text = {"true": "yes", "false": "no", "off": "no", "accept": "accept-new"}.get(text.lower(), text.lower())
    if text not in HOST_KEY_MODES:
        raise InputError(
            f"{name}: {text!r} is none of {', '.join(HOST_KEY_MODES)}", field="kprov_host_key_checking"
        )
    return text


def _configured(name: str, address: str, config: paramiko.SSHConfig) -> Options:
    found = config.lookup(address)
    options = Options(name=name, address=found.get("hostname", address))
    return _set(options, {key: value for key, value in found.items() if key != "hostname"}, config)


def _argued(options: Options, words: list[str], config: paramiko.SSHConfig) -> Options:
    """ssh(1)'s own options: -o, -i, -p, -l, -J; others concern only OpenSSH and are passed over."""
    settings: dict[str, Any] = {}
    index = 0
    while index < len(words):
        word = words[index]
        letter, value = word[:2], word[2:]
        if letter in ("-o", "-i", "-p", "-l", "-J", "-F", "-c", "-m"):
            if not value:
                index += 1
                value = words[index] if index < len(words) else ""
            if letter == "-o":
                key, _, value = re.sub(r"\s*=\s*|\s+", "=", value.strip(), count=1).partition("=")
                settings.setdefault(key.lower(), value)
            elif letter in ("-i", "-p", "-l", "-J"):
                settings[{"-i": "identityfile", "-p": "port", "-l": "user", "-J": "proxyjump"}[letter]] = (
                    value
                )
        index += 1
    return _set(options, settings, config)


def _set(options: Options, settings: Mapping[str, Any], config: paramiko.SSHConfig) -> Options:
    changes: dict[str, Any] = {}
    for key, value in settings.items():
        match key:
            case "port":
                changes["port"] = int(value)
            case "user":
                changes["user"] = value
            case "identityfile":
                changes["keys"] = tuple([value] if isinstance(value, str) else value)
            case "userknownhostsfile" | "globalknownhostsfile":
                changes["known_hosts"] = (*changes.get("known_hosts", ()), *str(value).split())
            case "stricthostkeychecking":
                changes["host_key_checking"] = _mode(options.name, str(value))
            case "hostkeyalias":
                changes["host_key_alias"] = value
            case "identitiesonly":
                changes["identities_only"] = str(value).lower() == "yes"
            case "connecttimeout":
                changes["timeout"] = float(value)
            case "proxyjump" if value != "none":
                changes["jumps"] = tuple(_jump(hop.strip(), config) for hop in str(value).split(","))
            case "proxycommand" if value != "none":
                hop = re.search(r"\bssh\b(.*)", str(value))
                if not hop or "-W" not in str(value):
                    raise InputError(
                        f"{options.name}: ProxyCommand is not supported; use ProxyJump",
                        field="ansible_ssh_common_args",
                    )
                words = [word for word in shlex.split(hop[1]) if word not in ("-q", "-W", "%h:%p", "-A")]
                target = words.pop()
                changes["jumps"] = (_argued(_jump(target, config), words, config),)
            case _:
                pass
    return replace(options, **changes)


def _jump(text: str, config: paramiko.SSHConfig) -> Options:
    found = re.fullmatch(r"(?:ssh://)?(?:([^@]+)@)?(\[[^]]+\]|[^:]+)(?::(\d+))?", text)
    if not found:
        raise InputError(f"{text!r} is not a jump host", field="ProxyJump")
    user, address, port = found.groups()
    options = _configured(text, address.strip("[]"), config)
    return replace(
        options, user=user or options.user or getpass.getuser(), port=int(port or options.port), name=address
    )
