"""Opens an SSH connection to a host, through its jump hosts."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
from collections.abc import Callable
from typing import cast

import paramiko

from kprov.errors import PreflightError, UnreachableError
from kprov.transport.options.host_options import Options
from kprov.transport.ssh import host_keys
from kprov.transport.ssh.authentication import log_in
from kprov.transport.ssh.paramiko_transport import Transport

#: Ciphers, fastest first (docs/decisions/006); the host skips those that it does not support.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_KEX = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256")

#: Seconds after which paramiko's thread checks whether its connection was closed; its default of 0.1
#: costs a third of a second of CPU for thirty hosts. `close` wakes it.
_LOOKS = 5.0

# The raised errors have the content of paramiko's log messages.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class ProxySocket(socket.socket):
    """The socket of a ProxyCommand; closing it ends the command."""

    process: subprocess.Popen[bytes]

    @classmethod
    def run(cls, command: str) -> ProxySocket:
        """Start the command with the socket as its standard streams, as OpenSSH does."""
        near, far = socket.socketpair()
        with far:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=far.fileno(),
                stdout=far.fileno(),
                start_new_session=True,
            )
        sock = cls(near.family, near.type, near.proto, near.detach())
        sock.process = process
        return sock

    def close(self) -> None:
        super().close()
        self.process.terminate()
        self.process.wait(5)


def connect_chain(options: Options, warn: Callable[[str], None]) -> list[Transport]:
    """Connect to every jump host and then to the host; return all transports, the host's last.

    `warn` gets ssh's warnings: about key files that it ignores, and about a changed host key that the options
    accept.

    Raises UnreachableError (refused, timeout, name) or PreflightError (host key, login refused).
    """
    opened: list[Transport] = []
    try:
        for index, hop in enumerate([*options.jumps, options]):
            through = opened[-1] if opened else None
            command = options.proxy_command if index == 0 else None
            try:
                transport, changed = _open_transport(hop, through, command, options.name)
                opened.append(transport)
                if changed is not None:
                    warn(changed)
                for ignored in log_in(transport, hop, options.name, send_password=changed is None):
                    warn(ignored)
                opened[-1].sock.settimeout(_LOOKS)
            except (UnreachableError, PreflightError) as error:
                if hop is options or error.reason.startswith("jump host"):
                    raise
                raise type(error)(options.name, f"jump host {hop.address}: {error.reason}") from None
    except BaseException:
        close_chain(opened)
        raise
    return opened


def close_chain(transports: list[Transport]) -> None:
    """Close all transports of a chain, the host's first."""
    for transport in reversed(transports):
        if isinstance(transport.sock, socket.socket):
            with contextlib.suppress(OSError):
                # paramiko's thread keeps the connection open while it waits for a packet.
                transport.sock.shutdown(socket.SHUT_RDWR)
        transport.close()


def _open_transport(
    hop: Options, through: Transport | None, command: str | None, name: str
) -> tuple[Transport, str | None]:
    """Open a transport up to the login. Also return a warning if a changed host key was accepted."""
    where = f"{hop.address} port {hop.port}"
    sock = _open_socket(hop, through, command, name)
    transport = Transport(sock)
    limit = max(hop.timeout, 15)
    transport.banner_timeout = transport.handshake_timeout = limit
    transport.auth_timeout = transport.channel_timeout = max(hop.timeout, 30)
    try:
        entries = host_keys.known_keys(hop)
        _tune_security(transport, [entry.kind for entry in entries if not entry.marker])
        transport.start_client(timeout=limit)
        if not transport.initial_kex_done:
            # paramiko returns without an error on timeout.
            text = f"the key exchange took longer than {limit:g} s: the host is very slow"
            text += "; increase ansible_timeout"
            raise paramiko.SSHException(text)
        changed = host_keys.check_host_key(hop, transport.get_remote_server_key(), entries)
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        text = str(error) or "the host closed the connection"
        if "banner" in text.lower() and command is not None:
            text = f"ProxyCommand {command!r} did not connect"
        elif "banner" in text.lower():
            text = f"it accepted the connection but sent nothing for {limit:g} s"
            text += ": a very slow host, or no SSH server"
        raise UnreachableError(name, f"cannot start an SSH session with {where}: {text}") from None
    except BaseException:
        transport.close()
        raise
    return transport, changed


def _open_socket(
    hop: Options, through: Transport | None, command: str | None, name: str
) -> paramiko.Channel | socket.socket:
    where = f"{hop.address} port {hop.port}"
    try:
        if through is not None:
            target, origin = (hop.address, hop.port), ("127.0.0.1", 0)
            return cast(
                "paramiko.Channel", through.open_channel("direct-tcpip", target, origin, timeout=hop.timeout)
            )
        if command is not None:
            return ProxySocket.run(command)
        sock = socket.create_connection((hop.address, hop.port), timeout=hop.timeout)
    except socket.gaierror as error:
        raise UnreachableError(name, f"cannot resolve the name {hop.address}: {error.strerror}") from None
    except TimeoutError:
        raise UnreachableError(name, f"no answer from {where} within {hop.timeout:g} s") from None
    except OSError as error:
        raise UnreachableError(name, f"cannot connect to {where}: {error.strerror or error}") from None
    except paramiko.SSHException as error:
        raise UnreachableError(name, f"the jump host cannot reach {where}: {error}") from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A host without power is detected within this time (ms), even while a task runs.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return sock


def _tune_security(transport: Transport, host_key_kinds: list[str]) -> None:
    """Prefer fast ciphers, and the host key types that known_hosts has."""
    security = transport.get_security_options()
    kinds = [f"rsa-sha2-{bits}" for bits in (512, 256) if "ssh-rsa" in host_key_kinds] + host_key_kinds
    for field, preferred in (("ciphers", _CIPHERS), ("kex", _KEX), ("key_types", tuple(kinds))):
        there = list(getattr(security, field))
        first = [name for name in dict.fromkeys(preferred) if name in there]
        setattr(security, field, [*first, *(name for name in there if name not in first)])
