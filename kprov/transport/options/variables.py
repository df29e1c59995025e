"""A host's Options from Ansible's connection variables, ssh's arguments and ~/.ssh/config."""

from __future__ import annotations

import functools
import getpass
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import paramiko

from kprov.errors import InputError
from kprov.transport.options import ssh_arguments, ssh_config
from kprov.transport.options.host_options import CONNECTIONS, DEFAULT_PYTHON, Options, parse_host_key_mode


def read_options(
    name: str, variables: Mapping[str, Any], *, config: paramiko.SSHConfig | None = None
) -> Options:
    """Return a host's Options from its rendered variables. InputError names the invalid one.

    Precedence: ansible_* variables, arguments in ansible_ssh_*args, ~/.ssh/config, /etc/ssh/ssh_config.
    """

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
            arguments = _parse_arguments(str(variables.get(key) or ""), key)
        except ValueError as error:
            raise InputError(f"{name}: {variables[key]!r}: {error}", field=key) from None
        ssh_arguments.merge_settings(settings, arguments)
    address = str(get("ansible_host", "ansible_ssh_host") or name)
    if config is None:
        config = ssh_config.load_config(settings.get("configfile"))
    options = ssh_config.resolve_options(
        name, address, settings, config, user=get("ansible_user", "ansible_ssh_user", "ansible_remote_user")
    )
    return _apply_variables(options, get, python)


@functools.cache
def _parse_arguments(text: str, key: str) -> dict[str, Any]:
    """Return the settings of ssh's arguments. Cached, as most hosts share them; do not modify the result."""
    return ssh_arguments.parse_arguments(shlex.split(text), field=key)


def _apply_variables(options: Options, get: Callable[..., Any], python: str) -> Options:
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
        options = replace(options, host_key_checking=parse_host_key_mode(name, str(checking)))
        jumps = tuple(replace(hop, host_key_checking=options.host_key_checking) for hop in jumps)
    if phrase is not None:
        jumps = tuple(replace(hop, passphrase=str(phrase)) for hop in jumps)
    if key:
        # A jump host without a key uses the host's, after the keys of ~/.ssh/config.
        jumps = tuple(hop if hop.keys else replace(hop, keys=(str(key),)) for hop in jumps)
    return replace(
        options,
        user=str(user or options.user or getpass.getuser()),
        keys=(str(key), *(path for path in options.keys if path != str(key))) if key else options.keys,
        password=str(password) if password is not None else None,
        passphrase=str(phrase) if phrase is not None else None,
        jumps=jumps,
        python=python,
    )
