"""Encrypts, decrypts, rekeys and edits vault files in place, without leaving plain text on a disk."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from kprov.errors import InputError
from kprov.inventory import operator_files
from kprov.inventory.vault import vault_format
from kprov.inventory.vault.keyring import Keyring, Password
from kprov.inventory.vault.vault_format import VaultError

PRIVATE = 0o600


def read_plain(path: Path) -> bytes:
    """Read a file that is not encrypted yet. Raises InputError."""
    content = operator_files.read_bytes(path)
    if content.startswith(vault_format.HEADER.encode()):
        raise InputError("is encrypted already", file=path)
    return content


def open_vault(path: Path, keys: Keyring) -> tuple[bytes, str | None, Password]:
    """Decrypt a vault file; also return its label and password. Raises VaultError."""
    text = operator_files.read_bytes(path).decode("utf-8", "replace")
    if not vault_format.is_vault(text):
        raise VaultError("is not encrypted", file=path)
    plain, password = keys.open_with(text, path, 1)
    return plain, vault_format.parse_envelope(text).label, password


def write_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file atomically; it is private while it is written.

    An existing file keeps its owner and, without `mode`, its mode; a new one has 0600. Links are followed.
    """
    path = path.resolve()
    status = path.stat() if path.exists() else None
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if status is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
                os.fchmod(file.fileno(), status.st_mode & 0o7777 if mode is None else mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def edit_text(plain: bytes, suffix: str) -> bytes:
    """Open a text in the user's editor ($VISUAL, $EDITOR, vi) and return the result. Raises InputError.

    The editor works in a private folder (also for its backups and swap files), in memory if
    the machine has a tmpfs. The folder is removed even if the editor fails or a signal ends kprov.
    """
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with _private_folder() as folder:
        path = folder / f"plain{suffix}"
        path.touch(PRIVATE)
        path.write_bytes(plain)
        try:
            done = subprocess.run([*words, str(path)], check=False)
        except OSError as error:
            raise InputError(f"cannot be run: {error.strerror}", field=f"$EDITOR ({words[0]})") from None
        if done.returncode != 0:
            text = f"failed with exit code {done.returncode}; the file is unchanged"
            raise InputError(text, field=f"$EDITOR ({words[0]})")
        return path.read_bytes()


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    def exit_on_signal(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, exit_on_signal) for number in signals}
    folder = Path(tempfile.mkdtemp(prefix="kprov-vault-", dir=memory_folder()))
    try:
        yield folder
    finally:
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                _overwrite(file)
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def memory_folder() -> Path | None:
    """Return a writable folder in memory; None if there is none."""
    for name in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm", "/run/shm"):
        if name and os.access(name, os.W_OK | os.X_OK) and _is_tmpfs(Path(name).resolve()):
            return Path(name)
    return None


def _is_tmpfs(path: Path) -> bool:
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    for line in mounts:
        _, point, this_kind, *_ = line.split(" ")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, this_kind
    return kind in ("tmpfs", "ramfs")


def _overwrite(path: Path) -> None:
    """Overwrite a plain text with zeros before its removal; most file systems reuse its blocks."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
