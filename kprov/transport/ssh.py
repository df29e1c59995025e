"""One SSH connection to a host, tuned, over jump hosts where there are any."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

import paramiko

from kprov.errors import PreflightError, UnreachableError
from kprov.transport import hostkeys
from kprov.transport.options import Options

#: Bytes in flight on a channel: enough for a bundle over a slow line, see RFC 4254 5.2.
_WINDOW = 16 << 20
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_KEX = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256")
_DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_AGENT = threading.Lock()


def connect(options: Options) -> list[paramiko.Transport]:
    """Transports to every jump and then the host itself (the last).

    Raises UnreachableError (refused, timeout, name) or PreflightError (host key, login refused).
    """
    opened: list[paramiko.Transport] = []
    try:
        for hop in [*options.jumps, options]:
            opened.append(_open(hop, opened[-1] if opened else None, options.name))
            _log_in(opened[-1], hop, options.name)
    except BaseException:
        for transport in reversed(opened):
            transport.close()
        raise
    return opened


def _open(hop: Options, through: paramiko.Transport | None, name: str) -> paramiko.Transport:
    where = f"{hop.address} port {hop.port}"
    try:
        if through is not None:
            sock: paramiko.Channel | socket.socket = through.open_channel(
                "direct-tcpip", (hop.address, hop.port), ("127.0.0.1", 0), timeout=hop.timeout
            )
        else:
            sock = socket.create_connection((hop.address, hop.port), timeout=hop.timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A host whose plug was pulled is noticed within this time (ms), also while a task runs.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    except socket.gaierror as error:
        raise UnreachableError(name, f"the name {hop.address} does not resolve: {error.strerror}") from None
    except TimeoutError:
        raise UnreachableError(name, f"no answer from {where} within {hop.timeout:g} s") from None
    except OSError as error:
        raise UnreachableError(name, f"cannot connect to {where}: {error.strerror or error}") from None
    except paramiko.SSHException as error:
        raise UnreachableError(name, f"the jump host cannot reach {where}: {error}") from None
    transport = paramiko.Transport(sock, default_window_size=_WINDOW)
    try:
        _tune(transport)
        keys = hostkeys.known(hop)
        security = transport.get_security_options()
        kinds = [key.get_name() for key, _, _ in keys]
        accepted = [f"rsa-sha2-{bits}" for bits in (512, 256) if "ssh-rsa" in kinds] + kinds
        preferred = [kind for kind in accepted if kind in security.key_types]
        security.key_types = [*preferred, *(kind for kind in security.key_types if kind not in preferred)]
        transport.start_client(timeout=hop.timeout)
        hostkeys.check(hop, transport.get_remote_server_key(), keys)
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise UnreachableError(
            name, f"no SSH session with {where}: {error or 'it closed the connection'}"
        ) from None
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(15)
    return transport


def _tune(transport: paramiko.Transport) -> None:
    security = transport.get_security_options()
    for field, wanted in (("ciphers", _CIPHERS), ("kex", _KEX)):
        there = list(getattr(security, field))
        first = [name for name in wanted if name in there]
        setattr(security, field, [*first, *(name for name in there if name not in first)])


def _log_in(transport: paramiko.Transport, hop: Options, name: str) -> None:
    tried: list[str] = []
    if hop.keys or hop.password is None:
        for what, key in _keys(hop, name):
            try:
                if not transport.auth_publickey(hop.user, key):
                    return
                tried.append(f"{what} (accepted, but more is asked for)")
            except paramiko.BadAuthenticationType as error:
                tried.append(f"{what} (the host only takes {', '.join(error.allowed_types)})")
            except paramiko.AuthenticationException:
                tried.append(what)
            except (paramiko.SSHException, EOFError, OSError) as error:
                if not transport.is_active():
                    raise PreflightError(
                        name,
                        f"{hop.address} closed the connection while logging in as {hop.user}; "
                        f"tried {', '.join([*tried, what])}",
                    ) from None
                tried.append(f"{what} ({error})")
    if hop.password is not None:
        try:
            transport.auth_password(hop.user, hop.password)
            return
        except paramiko.AuthenticationException:
            tried.append("password")
        except (paramiko.SSHException, EOFError) as error:
            raise UnreachableError(name, f"login at {hop.address}: {error}") from None
    what = "password refused" if tried == ["password"] else "key refused"
    if not tried:
        what = "no key to log in with: set ansible_ssh_private_key_file, or load one in the ssh agent"
    detail = f" (tried {', '.join(tried)})" if tried else ""
    raise PreflightError(name, f"login as {hop.user} at {hop.address}: {what}{detail}")


def _keys(hop: Options, name: str) -> list[tuple[str, paramiko.PKey]]:
    found: list[tuple[str, paramiko.PKey]] = []
    paths = list(hop.keys) or ([] if hop.identities_only else list(_DEFAULT_KEYS))
    for text in paths:
        path = Path(text).expanduser()
        if not path.is_file():
            if hop.keys:
                raise PreflightError(name, f"the private key {path} does not exist")
            continue
        try:
            found.append(
                (
                    f"key {path}",
                    paramiko.PKey.from_path(path, hop.passphrase),
                )
            )
        except TypeError:
            if hop.keys:
                raise PreflightError(
                    name,
                    f"the private key {path} needs a passphrase: load it in the ssh agent, "
                    "or set ansible_ssh_private_key_passphrase",
                ) from None
        except (paramiko.SSHException, ValueError, OSError) as error:
            if hop.keys:
                raise PreflightError(name, f"the private key {path} cannot be read: {error}") from None
    if not hop.identities_only and os.environ.get("SSH_AUTH_SOCK"):
        with _AGENT, contextlib.suppress(paramiko.SSHException):
            found += [
                (f"agent key {key.get_fingerprint().hex()}", key) for key in paramiko.Agent().get_keys()
            ]
    return found
