"""How kprov reaches a host, as Ansible's connection variables and a file for `ssh -F`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.transport.options.host_options import Options

#: A path of a Unix socket has 107 characters, and ssh appends a hash and a suffix.
_LONGEST_FOLDER = 50


def describe(options: Options, config: Path) -> dict[str, Any]:
    """Return the connection variables of a host. For ssh, write its options to `config`."""
    python = {"ansible_python_interpreter": options.python}
    if options.local:
        return {"ansible_connection": "local", **python}
    config.write_text(_format_config(options))
    config.chmod(0o600)
    arguments = f"-F {config}"
    if len(str(config.parent)) <= _LONGEST_FOLDER:
        arguments += " -o ControlMaster=auto -o ControlPersist=30s"
    variables: dict[str, Any] = {
        "ansible_connection": "ssh",
        "ansible_host": options.address,
        "ansible_port": options.port,
        "ansible_user": options.user,
        "ansible_ssh_args": arguments,
        "ansible_ssh_timeout": max(1, int(options.timeout)),
        **python,
    }
    if options.password is not None:
        variables["ansible_password"] = options.password
    if options.keys:
        variables["ansible_ssh_private_key_file"] = str(Path(options.keys[0]).expanduser())
    return variables


def _format_config(options: Options) -> str:
    """Return the text of ssh_config(5). The first value counts: jump hosts come before the target."""
    lines: list[str] = []
    proxy = _format_proxy(options.proxy_command)
    for number, hop in enumerate(options.jumps, 1):
        name = f"kprov-jump-{number}"
        lines += [f"Host {name}", *_format_options(hop, proxy)]
        proxy = f"ProxyJump {name}"
    lines += ["Host *", *_format_options(options, proxy)]
    return "\n".join(lines) + "\n"


def _format_proxy(command: str | None) -> str:
    # The text goes to a shell. It is expanded already: a percent sign is one.
    if command is None:
        return "ProxyJump none"
    if "\n" in command:
        raise InputError("has a line break", field="ProxyCommand")
    return f"ProxyCommand {command.replace('%', '%%')}"


def _format_options(options: Options, proxy: str) -> Iterator[str]:
    keys = [*options.keys, *options.configured_keys]
    yield f"HostName {_quote(options.address)}"
    yield f"Port {options.port}"
    if options.user:
        yield f"User {_quote(options.user)}"
    for key in keys:
        yield f"IdentityFile {_quote(key)}"
    if options.identity_agent is not None:
        yield f"IdentityAgent {_quote(options.identity_agent)}"
    yield f"IdentitiesOnly {_yes_no(options.identities_only)}"
    yield f"PubkeyAuthentication {_yes_no(options.public_keys)}"
    yield f"UserKnownHostsFile {' '.join(_quote(path) for path in options.known_hosts) or 'none'}"
    yield "GlobalKnownHostsFile none"
    yield f"HashKnownHosts {_yes_no(options.hash_known_hosts)}"
    # Nobody is there to ask.
    checking = "yes" if options.host_key_checking == "ask" else options.host_key_checking
    yield f"StrictHostKeyChecking {checking}"
    if options.host_key_alias is not None:
        yield f"HostKeyAlias {_quote(options.host_key_alias)}"
    yield f"ConnectTimeout {max(1, int(options.timeout))}"
    yield f"ServerAliveInterval {max(1, int(options.alive_interval))}"
    yield f"ServerAliveCountMax {options.alive_count}"
    yield proxy


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _quote(text: str) -> str:
    """Return a word of ssh_config(5). Raises InputError for characters that no quoting allows."""
    if '"' in text or "\\" in text or not text.isprintable():
        raise InputError(f"ssh's configuration cannot have {text!r}")
    return '"' + text.replace("%", "%%") + '"'
