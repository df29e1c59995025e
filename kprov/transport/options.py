"""How to reach a host: Ansible's connection variables, ssh's options and ~/.ssh/config as one value."""

from __future__ import annotations

import functools
import getpass
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import paramiko

from kprov.errors import InputError

HOST_KEY_MODES = ("yes", "accept-new", "ask", "no")
DEFAULT_PYTHON = "python3"
#: Programs that make a task run as another user, and ways to a host.
METHODS = ("sudo", "su", "doas")
CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh", "local")


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
    #: Named by the inventory or on ssh's command line: one that is missing is an error.
    keys: tuple[str, ...] = ()
    #: Of ~/.ssh/config; those that are missing are passed over, as ssh does.
    configured_keys: tuple[str, ...] = ()
    passphrase: str | None = field(default=None, repr=False)
    #: Socket of the ssh agent; None: $SSH_AUTH_SOCK, "none": no agent.
    identity_agent: str | None = None
    identities_only: bool = False
    public_keys: bool = True
    known_hosts: tuple[str, ...] = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    hash_known_hosts: bool = False
    host_key_checking: str = "ask"
    host_key_alias: str | None = None
    jumps: tuple[Options, ...] = ()
    proxy_command: str | None = None
    timeout: float = 10.0
    alive_interval: float = 15.0
    alive_count: int = 4
    python: str = DEFAULT_PYTHON
    local: bool = False


def from_variables(
    name: str, variables: Mapping[str, Any], *, config: paramiko.SSHConfig | None = None
) -> Options:
    """Options of a host from its variables, templated already; InputError names the wrong one.

    First wins: ansible_* variables, ssh's arguments in ansible_ssh_*args, ~/.ssh/config, /etc/ssh/ssh_config.
    """
    from kprov.transport import sshargs, sshconfig

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
    if connection not in CONNECTIONS:
        raise InputError(
            f"{name}: connection {connection!r} is not supported; use ssh or local",
            field="ansible_connection",
        )
    settings: dict[str, Any] = {}
    for key in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        try:
            given = _arguments(str(variables.get(key) or ""), key)
        except ValueError as error:
            raise InputError(f"{name}: {variables[key]!r}: {error}", field=key) from None
        sshargs.merge(settings, given)
    address = str(get("ansible_host", "ansible_ssh_host") or name)
    if config is None:
        config = sshconfig.load(settings.get("configfile"))
    options = sshconfig.resolve(
        name, address, settings, config, user=get("ansible_user", "ansible_ssh_user", "ansible_remote_user")
    )
    return _overridden(options, get, python)


@functools.cache
def _arguments(text: str, key: str) -> dict[str, Any]:
    """Settings of ssh's arguments, nearly always the same for all hosts; not to be changed."""
    from kprov.transport import sshargs

    return sshargs.parse(shlex.split(text), field=key)


def _overridden(options: Options, get: Callable[..., Any], python: str) -> Options:
    name = options.name
    port = get("ansible_port", "ansible_ssh_port")
    try:
        options = replace(
            options,
            port=int(port or options.port),
            timeout=float(get("ansible_ssh_timeout", "ansible_timeout") or options.timeout),
        )
    except ValueError:
        raise InputError(f"{name}: {port!r} is not a port", field="ansible_port") from None
    user = get("ansible_user", "ansible_ssh_user", "ansible_remote_user")
    key = get("ansible_ssh_private_key_file", "ansible_private_key_file")
    password = get("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
    phrase = get("ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase")
    checking = get("kprov_host_key_checking")
    plain = get("ansible_host_key_checking", "ansible_ssh_host_key_checking")
    if checking is None and plain is not None and str(plain).lower() in ("false", "no", "0"):
        checking = "no"
    jumps = options.jumps
    if checking is not None:
        options = replace(options, host_key_checking=host_key_mode(name, str(checking)))
        jumps = tuple(replace(hop, host_key_checking=options.host_key_checking) for hop in jumps)
    if phrase is not None:
        jumps = tuple(replace(hop, passphrase=str(phrase)) for hop in jumps)
    if key:
        # A jump host that has no key of its own takes the host's, after what ~/.ssh/config has for it.
        jumps = tuple(hop if hop.keys else replace(hop, keys=(str(key),)) for hop in jumps)
    return replace(
        options,
        user=str(user or options.user or getpass.getuser()),
        keys=(str(key), *(one for one in options.keys if one != str(key))) if key else options.keys,
        password=str(password) if password is not None else None,
        passphrase=str(phrase) if phrase is not None else None,
        jumps=jumps,
        python=python,
    )


def host_key_mode(name: str, text: str) -> str:
    """StrictHostKeyChecking's values and booleans as one of HOST_KEY_MODES. Raises InputError."""
    text = {"true": "yes", "false": "no", "off": "no", "accept": "accept-new"}.get(text.lower(), text.lower())
    if text not in HOST_KEY_MODES:
        raise InputError(
            f"{name}: {text!r} must be one of {', '.join(HOST_KEY_MODES)}", field="kprov_host_key_checking"
        )
    return text
