"""How to reach a host and become another user on it, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from kprov.errors import InputError

HOST_KEY_MODES = ("yes", "accept-new", "ask", "no")
DEFAULT_PYTHON = "python3"
#: Become methods and connection types.
METHODS = ("sudo", "su", "doas")
CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh", "local")


@dataclass(frozen=True)
class Become:
    """The user that a task runs as. `method` is sudo, su or doas; `password` answers its prompt.

    `flags` replace the method's default flags (sudo: -H), as become_flags do in Ansible.
    """

    user: str = "root"
    method: str = "sudo"
    password: str | None = field(default=None, repr=False)
    exe: str = "sudo"
    flags: str | None = None


@dataclass(frozen=True)
class Options:
    """How to reach one host. `jumps` are the jump hosts in order. Times are in seconds."""

    name: str
    address: str
    port: int = 22
    user: str = ""
    password: str | None = field(default=None, repr=False)
    #: From the inventory or ssh's command line; a missing file is an error.
    keys: tuple[str, ...] = ()
    #: From ~/.ssh/config; missing files are skipped, as in ssh.
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


def parse_host_key_mode(name: str, text: str) -> str:
    """Return one of HOST_KEY_MODES for a value of StrictHostKeyChecking or a boolean. Raises InputError."""
    text = {"true": "yes", "false": "no", "off": "no", "accept": "accept-new"}.get(text.lower(), text.lower())
    if text not in HOST_KEY_MODES:
        raise InputError(
            f"{name}: {text!r} must be one of {', '.join(HOST_KEY_MODES)}", field="kprov_host_key_checking"
        )
    return text
