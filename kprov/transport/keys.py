"""Private keys to log in with: files, with passphrases asked for once, and the ssh agent's."""

from __future__ import annotations

import base64
import contextlib
import functools
import getpass
import io
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kprov.errors import PreflightError
from kprov.transport.options import Options

_DEFAULT = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_asking = threading.Lock()
_passphrases: dict[str, str] = {}
#: Keys whose passphrase nobody knew: other hosts do not ask again.
_given_up: set[str] = set()


class PassphraseNeededError(Exception):
    """The file is encrypted and no passphrase, or a wrong one, was given."""


class _Agent(paramiko.agent.AgentSSH):
    """The agent at a socket; paramiko's own only knows $SSH_AUTH_SOCK."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(10)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


@contextlib.contextmanager
def offered(hop: Options, name: str) -> Iterator[Iterator[tuple[str, paramiko.PKey]]]:
    """Keys with their names, best first; read when their turn comes. Raises PreflightError.

    Files named outright that are not encrypted, the agent's, then other files, then what needs a passphrase.
    """
    with contextlib.ExitStack() as stack:
        agent = _agent(hop)
        if agent is not None:
            stack.callback(agent.close)
        yield _offered(hop, name, agent)


def _agent(hop: Options) -> _Agent | None:
    path = hop.identity_agent or "SSH_AUTH_SOCK"
    if path == "SSH_AUTH_SOCK" or path.startswith("$"):
        path = os.environ.get(path.strip("${}"), "")
    if path in ("", "none"):
        return None
    try:
        return _Agent(str(Path(path).expanduser()))
    except (OSError, paramiko.SSHException):
        return None


def _offered(hop: Options, name: str, agent: _Agent | None) -> Iterator[tuple[str, paramiko.PKey]]:
    locked: list[Path] = []
    files = [Path(text).expanduser() for text in hop.keys]
    for path in files:
        if not path.is_file():
            raise PreflightError(name, f"the private key {path} does not exist")
        yield from _file(path, name, locked, hop)
    # Without any key named, ssh's own names count as such for IdentitiesOnly.
    more = [Path(text).expanduser() for text in (hop.configured_keys or (() if files else _DEFAULT))]
    more = [path for path in more if path.is_file() and path not in files]
    if agent is not None:
        wanted = {_public(path) for path in [*files, *more]}
        for key in agent.get_keys():
            if not hop.identities_only or key.asbytes() in wanted:
                yield f"agent key {key.fingerprint}", key
                locked = [path for path in locked if _public(path) != key.asbytes()]
    for path in more:
        yield from _file(path, name, locked, hop)
    for path in locked:
        unlocked = _unlocked(path, hop)
        if unlocked is not None:
            yield f"key {path}", unlocked
        elif str(path) in _given_up:
            raise PreflightError(name, f"the passphrase of the private key {path} was wrong three times")
        elif path in files:
            raise PreflightError(
                name,
                f"the private key {path} needs a passphrase: load it in the ssh agent, "
                "or set ansible_ssh_private_key_passphrase",
            )


def _file(path: Path, name: str, locked: list[Path], hop: Options) -> Iterator[tuple[str, paramiko.PKey]]:
    try:
        key = _load(path, None)
    except PassphraseNeededError:
        if hop.passphrase is None:
            locked.append(path)
            return
        try:
            key = _load(path, hop.passphrase)
        except PassphraseNeededError:
            raise PreflightError(
                name, f"the private key {path}: ansible_ssh_private_key_passphrase is not its passphrase"
            ) from None
    except (paramiko.SSHException, ValueError, OSError) as error:
        raise PreflightError(name, f"the private key {path} cannot be read: {error}") from None
    yield f"key {path}", key


def _unlocked(path: Path, hop: Options) -> paramiko.PKey | None:
    """Ask on the terminal, three times at most, and once for all hosts."""
    with _asking:
        if str(path) in _passphrases:
            return _load(path, _passphrases[str(path)])
        if str(path) in _given_up or not sys.stdin.isatty():
            return None
        for _ in range(3):
            phrase = getpass.getpass(f"Passphrase for {path} ({hop.name}): ", sys.stderr)
            with contextlib.suppress(PassphraseNeededError):
                key = _load(path, phrase)
                _passphrases[str(path)] = phrase
                return key
        _given_up.add(str(path))
    return None


def _load(path: Path, phrase: str | None) -> paramiko.PKey:
    state = path.stat()
    return _read(path, phrase, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _read(path: Path, phrase: str | None, changed: int, size: int) -> paramiko.PKey:
    """A key file, read once for all hosts. Raises PassphraseNeededError, ValueError, SSHException."""
    del changed, size
    data, secret = path.read_bytes(), None if phrase is None else phrase.encode()
    modern = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if modern else serialization.load_pem_private_key
    try:
        loaded = load(data, secret)
    except TypeError:
        raise PassphraseNeededError from None
    except ValueError:
        if phrase is not None:
            raise PassphraseNeededError from None
        raise
    kinds: dict[type, type[paramiko.PKey]] = {
        ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
        ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
        rsa.RSAPrivateKey: paramiko.RSAKey,
    }
    kind = next((kind for known, kind in kinds.items() if isinstance(loaded, known)), None)
    if kind is None:
        raise ValueError(f"keys of the kind {type(loaded).__name__} are not supported")
    key: paramiko.PKey = kind.from_private_key(io.StringIO(data.decode()), phrase)
    certificate = path.with_name(path.name + "-cert.pub")
    if certificate.is_file():
        key.load_certificate(str(certificate))
    return key


def _public(path: Path) -> bytes:
    """The public half beside a private key, as it travels; empty when there is none."""
    for candidate in (path, path.with_name(path.name + ".pub")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = candidate.read_text().split()
            if words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                return base64.b64decode(words[1])
    return b""
