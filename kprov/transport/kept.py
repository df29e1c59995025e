"""Connections that outlive a run, as ssh's ControlPersist has them: docs/decisions/017."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import paramiko

from kprov.errors import PreflightError
from kprov.transport import hostkeys, keeper
from kprov.transport.options import Options
from kprov.transport.resumable import Transport

#: Seconds in which the host answers what ends a run, and the keeper whatever it is asked.
_HOST, _KEEPER = 2.0, 2.0
#: The keeper's socket. The number changes with what is kept: two versions of kprov share nothing.
_NAME = "connections-1"
#: What has nothing to do with who logs in where.
_ASIDE = ("name", "python", "timeout", "alive_interval", "alive_count", "persist", "local")


def take(options: Options) -> Transport | None:
    """A connection that an earlier run has left for these options; it may have died since."""
    if not _direct(options):
        return None
    try:
        with _asked(_folder()) as client:
            client.send(json.dumps({"take": _key(options)}).encode())
            data, fds, _, _ = socket.recv_fds(client, keeper.LARGEST, 1, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return None
    if not fds:
        return None
    sock = socket.socket(fileno=fds[0])
    try:
        transport = Transport.restored(sock, data[1:])
        hostkeys.check(options, transport.host_key, hostkeys.known(options))
    except (ValueError, KeyError, AttributeError, paramiko.SSHException, PreflightError):
        # A new one tells what is wrong.
        sock.close()
        return None
    transport.resume()
    return transport


def keep(found: Sequence[tuple[Options, Transport]]) -> None:
    """Leave connections without channels for later runs. What cannot be kept, the caller has to close."""
    parking = [(options, one) for options, one in found if _direct(options) and one.park()]
    until = time.monotonic() + _HOST
    parked = [(options, one.parked(max(0.0, until - time.monotonic()))) for options, one in parking]
    left = [(options, *state) for options, state in parked if state is not None]
    try:
        if left:
            with _started(_folder()) as client:
                for options, sock, state in left:
                    header = json.dumps({"keep": _key(options), "seconds": options.persist}).encode()
                    socket.send_fds(client, [header + b"\n" + state], [sock.fileno()])
    except OSError:
        # They end with this process, as if nobody had wanted to keep them.
        pass
    finally:
        for _, sock, _ in left:
            sock.close()


def _direct(options: Options) -> bool:
    return bool(options.persist and not (options.local or options.jumps or options.proxy_command))


def _key(options: Options) -> str:
    """What two runs have in common that may use the same connection."""
    fields = dataclasses.asdict(options)
    for name in _ASIDE:
        del fields[name]
    return hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()


def _asked(folder: Path) -> socket.socket:
    """A connection to the keeper that runs. Raises OSError when none does."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(_KEEPER)
    try:
        client.connect(str(folder / _NAME))
    except BaseException:
        client.close()
        raise
    return client


def _started(folder: Path) -> socket.socket:
    """The same, to a new one where none runs. Raises OSError."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _asked(folder)
        path = folder / _NAME
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(str(path))
            listening.listen(64)
            # It forks, and the parent ends at once.
            subprocess.run(
                [sys.executable, "-I", "-S", keeper.__file__],
                stdin=listening.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                check=False,
            )
        return _asked(folder)


def _folder() -> Path:
    """Where only this user may look. Raises OSError when somebody else made it."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(base) / "kprov" if base else Path(tempfile.gettempdir()) / f"kprov-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "is not a folder of this user alone", str(path))
    return path
