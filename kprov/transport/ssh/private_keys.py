"""Finds private keys for the login: key files and the ssh agent's keys. Asks once for a passphrase."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko

from kprov.errors import PreflightError
from kprov.transport.options.host_options import Options
from kprov.transport.ssh import key_files

_DEFAULT = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_asking = threading.Lock()
_passphrases: dict[str, str] = {}
#: Keys whose passphrase the user did not know; it is not asked again for other hosts.
_given_up: set[str] = set()


class _AgentSocket(paramiko.agent.AgentSSH):
    """The ssh agent at a given socket; paramiko's class supports only $SSH_AUTH_SOCK."""

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
def find_keys(hop: Options, name: str, ignored: list[str]) -> Iterator[Iterator[tuple[str, paramiko.PKey]]]:
    """Yield keys with their names, best first, each read only when needed. Raises PreflightError.

    Order: configured files without a passphrase, the agent's keys, other files, files with a passphrase.
    `ignored` gets a warning for each key file that other users can read; ssh ignores these too.
    """
    with contextlib.ExitStack() as stack:
        agent = _open_agent(hop)
        if agent is not None:
            stack.callback(agent.close)
        yield _order_keys(hop, name, agent, ignored)


def _open_agent(hop: Options) -> _AgentSocket | None:
    path = hop.identity_agent or "SSH_AUTH_SOCK"
    if path == "SSH_AUTH_SOCK" or path.startswith("$"):
        path = os.environ.get(path.strip("${}"), "")
    if path in ("", "none"):
        return None
    try:
        return _AgentSocket(str(Path(path).expanduser()))
    except (OSError, paramiko.SSHException):
        return None


def _order_keys(
    hop: Options, name: str, agent: _AgentSocket | None, ignored: list[str]
) -> Iterator[tuple[str, paramiko.PKey]]:
    locked: list[Path] = []
    files = [Path(text).expanduser() for text in hop.keys]
    for path in files:
        if not path.is_file():
            raise PreflightError(name, f"the private key {path} does not exist")
        yield from _load_file(path, name, locked, hop, ignored)
    # Without configured keys, IdentitiesOnly allows ssh's default key files.
    more = [Path(text).expanduser() for text in (hop.configured_keys or (() if files else _DEFAULT))]
    more = [path for path in more if path.is_file() and path not in files]
    if agent is not None:
        public_keys = {key_files.read_public_key(path) for path in [*files, *more]}
        for key in agent.get_keys():
            if not hop.identities_only or key.asbytes() in public_keys:
                yield f"agent key {key.fingerprint}", key
                locked = [path for path in locked if key_files.read_public_key(path) != key.asbytes()]
    for path in more:
        yield from _load_file(path, name, locked, hop, ignored)
    yield from _unlock_files(locked, files, hop, name)


def _unlock_files(
    locked: list[Path], files: list[Path], hop: Options, name: str
) -> Iterator[tuple[str, paramiko.PKey]]:
    """Yield the keys of encrypted files. A configured file (`files`) must have its passphrase."""
    for path in locked:
        unlocked = _ask_passphrase(path, hop)
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


def _load_file(
    path: Path, name: str, locked: list[Path], hop: Options, ignored: list[str]
) -> Iterator[tuple[str, paramiko.PKey]]:
    try:
        exposed = key_files.find_exposure(path)
        if exposed is not None:
            ignored.append(exposed)
            return
        key = key_files.load_key(path, None)
    except key_files.PassphraseNeededError:
        if hop.passphrase is None:
            locked.append(path)
            return
        try:
            key = key_files.load_key(path, hop.passphrase)
        except key_files.PassphraseNeededError:
            raise PreflightError(
                name, f"ansible_ssh_private_key_passphrase is not the passphrase of the private key {path}"
            ) from None
    except (paramiko.SSHException, ValueError, OSError) as error:
        raise PreflightError(name, f"the private key {path} cannot be read: {error}") from None
    yield f"key {path}", key


def _ask_passphrase(path: Path, hop: Options) -> paramiko.PKey | None:
    """Ask for the passphrase on the terminal, at most three times, once for all hosts."""
    with _asking:
        if str(path) in _passphrases:
            return key_files.load_key(path, _passphrases[str(path)])
        if str(path) in _given_up or not sys.stdin.isatty():
            return None
        for _ in range(3):
            phrase = getpass.getpass(f"Passphrase for {path} ({hop.name}): ", sys.stderr)
            with contextlib.suppress(key_files.PassphraseNeededError):
                key = key_files.load_key(path, phrase)
                _passphrases[str(path)] = phrase
                return key
        _given_up.add(str(path))
    return None
