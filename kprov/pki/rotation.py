"""The replacement of all authorities: the old and the new ones, and how far their replacement is.

While it lasts, `pki/rotation/` has both pairs of each authority and a file `stage`. `ca.crt` and its like are
made from them. Their first certificate belongs to the key that signs.

An old authority whose key is lost is trusted like any other until the end, but signs nothing.
"""

from __future__ import annotations

import datetime as dt
import enum
import shutil
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import InputError
from kprov.pki import files, issue, lost_keys
from kprov.pki.table import AUTHORITIES


class Stage(enum.Enum):
    """The stages of a rotation in their order."""

    #: Hosts learn to trust both authorities. The old one signs.
    TRUST = "trust"
    #: The new one signs all but the API server's serving certificate: users trust only the old one.
    ISSUE = "issue"
    #: The new one signs that, too.
    SERVE = "serve"
    #: Hosts trust only the new one.
    DROP = "drop"

    def is_before(self, other: Stage) -> bool:
        """Whether this stage precedes the other."""
        stages = list(Stage)
        return stages.index(self) < stages.index(other)


@dataclass(frozen=True)
class _Pair:
    certificate: bytes
    #: None if it is lost.
    key: bytes | None


def read_stage(pki: Path) -> Stage | None:
    """Return the stage of the rotation; None if there is none. Raises InputError."""
    path = _folder(pki) / "stage"
    if not path.parent.exists():
        return None
    try:
        return Stage(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise InputError(f"does not have the stage of a rotation: {error}", file=path) from error


def begin_rotation(pki: Path, now: dt.datetime) -> None:
    """Make new authorities, which nobody trusts yet. Nothing happens if a rotation has begun."""
    if read_stage(pki) is not None:
        return
    unfinished = pki / ".rotation.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    files.make_folder(unfinished)
    for name, common_name in AUTHORITIES.items():
        # All of them: an unfinished rotation of a recovered cluster left two, and hosts may need either.
        old = (pki / f"{name}.crt").read_bytes()
        old_key = None if lost_keys.is_lost(pki, name) else (pki / f"{name}.key").read_bytes()
        key = issue.new_key()
        new = issue.certificate_pem(issue.new_authority(common_name, key, now))
        _write_pair(unfinished / f"old-{name}", _Pair(old, old_key))
        _write_pair(unfinished / f"new-{name}", _Pair(new, issue.key_pem(key)))
    files.write_file(unfinished / "stage", Stage.TRUST.value.encode(), files.PRIVATE)
    unfinished.rename(_folder(pki))


def set_stage(pki: Path, stage: Stage) -> None:
    """Store the stage; `ensure_pki` brings the other files in line with it."""
    files.write_file(_folder(pki) / "stage", stage.value.encode(), files.PRIVATE)


def mark_trusted(pki: Path) -> None:
    """Store that all hosts and namespaces trust both authorities now."""
    path = _folder(pki) / "trusted"
    if not path.exists():
        files.write_file(path, b"", files.PRIVATE)


def read_trusted_time(pki: Path) -> float:
    """Return since when they do, in seconds since the epoch; 0 if they do not yet."""
    path = _folder(pki) / "trusted"
    return path.stat().st_mtime if path.exists() else 0.0


def end_rotation(pki: Path) -> None:
    """Remove the old authorities and their keys."""
    # Renamed first: a rotation whose folder is half removed must not look unfinished.
    removed = pki / ".rotation.old"
    shutil.rmtree(removed, ignore_errors=True)
    if _folder(pki).exists():
        _folder(pki).rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


def write_authorities(pki: Path) -> list[str]:
    """Make the authorities' files as the stage needs them; return what changed. Raises InputError."""
    stage = read_stage(pki)
    if stage is None:
        return []
    changed = []
    for name in AUTHORITIES:
        old, new = (_read_file(_folder(pki) / f"{age}-{name}.crt") for age in ("old", "new"))
        if stage is Stage.TRUST:
            signer, bundle = "old", old + new
        elif stage is Stage.DROP:
            signer, bundle = "new", new
        else:
            signer, bundle = "new", new + old
        wrote = False
        # The key first, as everywhere: a mismatch after an interruption is repaired here.
        if signer == "new" or not has_lost_old_key(pki, name):
            key = _read_file(_folder(pki) / f"{signer}-{name}.key")
            wrote = files.write_if_changed(pki / f"{name}.key", key, files.PRIVATE)
            lost_keys.forget_lost(pki, name)
        wrote |= files.write_if_changed(pki / f"{name}.crt", bundle, files.PUBLIC)
        if wrote:
            changed.append(f"{name}.crt: stage {stage.value} of the rotation")
    return changed


def has_lost_old_key(pki: Path, name: str) -> bool:
    """Whether the rotation began without the key of the old authority."""
    return lost_keys.is_lost(_folder(pki), f"old-{name}")


def find_old_authority(pki: Path, name: str) -> tuple[Path, Path] | None:
    """Return the files of the old authority while it still signs serving certificates of API servers.

    The key may be lost (`has_lost_old_key`).
    """
    if read_stage(pki) is not Stage.ISSUE:
        return None
    stem = _folder(pki) / f"old-{name}"
    return stem.with_suffix(".crt"), stem.with_suffix(".key")


def _folder(pki: Path) -> Path:
    return pki / "rotation"


def _write_pair(stem: Path, pair: _Pair) -> None:
    if pair.key is None:
        lost_keys.mark_lost(stem.parent, stem.name)
    else:
        files.write_file(stem.with_suffix(".key"), pair.key, files.PRIVATE)
    files.write_file(stem.with_suffix(".crt"), pair.certificate, files.PUBLIC)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("is missing, but the rotation needs it: put it back", file=path) from None
