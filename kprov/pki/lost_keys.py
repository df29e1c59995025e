"""Authorities whose keys are lost: `kprov certs recover` found them on no host.

`NAME.key-lost` then stands in the place of `NAME.key`. The authority stays trusted, and its certificates stay
valid, but it signs nothing more: `kprov certs rotate-ca` replaces it.
"""

from __future__ import annotations

from pathlib import Path

from kprov.errors import InputError
from kprov.pki import files
from kprov.pki.table import AUTHORITIES

_SUFFIX = ".key-lost"
ADVICE = "replace the authorities with `kprov certs rotate-ca`"
_TEXT = f"No host had the key of this authority. It signs nothing more: {ADVICE}.\n"


def mark_lost(pki: Path, name: str) -> bool:
    """Store that the key of an authority is lost; return whether that is new."""
    return files.write_if_changed(_file(pki, name), _TEXT.encode(), files.PUBLIC)


def forget_lost(pki: Path, name: str) -> None:
    """Store that the authority has a key again."""
    _file(pki, name).unlink(missing_ok=True)


def is_lost(pki: Path, name: str) -> bool:
    """Whether the key of an authority is lost. A key that was put back is not."""
    return _file(pki, name).exists() and not (pki / f"{name}.key").exists()


def list_lost(pki: Path) -> list[str]:
    """Return the authorities whose keys are lost."""
    return [name for name in AUTHORITIES if is_lost(pki, name)]


def refuse_to_sign(pki: Path, name: str, file: Path, reason: str) -> InputError:
    """Return the error of a certificate that must be issued by an authority without a key."""
    return InputError(f"must be issued ({reason}), but {pki / name}.key is lost: {ADVICE}", file=file)


def _file(pki: Path, name: str) -> Path:
    return pki / f"{name}{_SUFFIX}"
