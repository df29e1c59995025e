"""Issues short-lived client certificates for users, as kubeconfigs. Nothing of them is stored."""

from __future__ import annotations

import datetime as dt

from kprov.errors import InputError
from kprov.pki import issue, kubeconfig, lost_keys
from kprov.pki.ensure import load_certificate, load_key
from kprov.pki.request import COMMON_NAME_LIMIT, PkiRequest
from kprov.pki.table import CertificateSpec

_SHORTEST = dt.timedelta(minutes=1)


def issue_user_kubeconfig(
    request: PkiRequest,
    user: str,
    groups: tuple[str, ...],
    life: dt.timedelta,
    *,
    now: dt.datetime | None = None,
) -> kubeconfig.Document:
    """Return a kubeconfig with a new client certificate of the cluster's CA.

    Raises:
        InputError: a name does not fit in a certificate, the CA is missing, or ends before the certificate.

    """
    moment = now or dt.datetime.now(dt.UTC)
    for field, name in (("--user", user), *(("--group", group) for group in groups)):
        if not name or len(name) > COMMON_NAME_LIMIT:
            raise InputError(f"{name!r} must have 1 to {COMMON_NAME_LIMIT} characters", field=field)
    authority_file = request.pki / "ca.crt"
    if not authority_file.exists():
        raise InputError("is missing; `kprov up` creates it", file=authority_file)
    if lost_keys.is_lost(request.pki, "ca"):
        raise lost_keys.refuse_to_sign(request.pki, "ca", authority_file, "for a user")
    authority, authority_key = load_certificate(authority_file), load_key(request.pki / "ca.key")
    if life < _SHORTEST or moment + life > authority.not_valid_after_utc:
        end = f"{authority.not_valid_after_utc:%Y-%m-%d}"
        raise InputError(f"must be at least 1m and end before the CA does, on {end}", field="--ttl")
    key = issue.new_key()
    spec = CertificateSpec("user", "ca", user, groups)
    certificate = issue.issue_certificate(spec, key, authority, authority_key, moment, life)
    return kubeconfig.make_user_document(
        request,
        user=user,
        authority=authority_file.read_bytes(),
        certificate=issue.certificate_pem(certificate),
        key=issue.key_pem(key),
    )
