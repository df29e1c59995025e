"""Lists certificates with their expiry."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from kprov.errors import InputError
from kprov.pki.ensure import load_certificate
from kprov.pki.issue import RENEW_BEFORE


@dataclass(frozen=True)
class Expiry:
    """A certificate's expiry; `days` are negative if it has expired."""

    name: str
    subject: str
    authority: str
    expires: str
    days: int

    @property
    def state(self) -> str:
        if self.days < 0:
            return "expired"
        return "expires soon" if self.days < RENEW_BEFORE.days else "valid"


def list_certificates(pki: Path, *, now: dt.datetime | None = None) -> list[Expiry]:
    """Return all certificates below a folder, authorities first, then by name.

    Raises:
        InputError: there are none.

    """
    moment = now or dt.datetime.now(dt.UTC)
    files = sorted(pki.rglob("*.crt"), key=lambda path: (len(path.relative_to(pki).parts), str(path)))
    if not files:
        raise InputError("has no certificates; `kprov up` creates them", file=pki)
    return [_read_expiry(pki, path, moment) for path in files]


def _read_expiry(pki: Path, path: Path, now: dt.datetime) -> Expiry:
    certificate = load_certificate(path)
    ending = certificate.not_valid_after_utc
    return Expiry(
        name=str(path.relative_to(pki)),
        subject=_read_text(certificate.subject),
        authority=_read_text(certificate.issuer),
        expires=ending.strftime("%Y-%m-%dT%H:%M:%SZ"),
        days=(ending - now).days,
    )


def _read_text(name: x509.Name) -> str:
    return ", ".join(f"{attribute.rfc4514_attribute_name}={attribute.value!s}" for attribute in name)
