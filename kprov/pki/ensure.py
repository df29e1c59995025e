"""Creates missing keys, certificates and kubeconfigs of a cluster, and renews invalid ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kprov.errors import InputError
from kprov.pki import encryption_keys, files, issue, kubeconfig, lost_keys, rotation, service_account_keys
from kprov.pki.request import PkiRequest
from kprov.pki.table import AUTHORITIES, CertificateSpec, list_certificates


@dataclass(frozen=True)
class Authority:
    """A certificate authority. `key` signs; None if it is lost."""

    certificate: x509.Certificate
    key: issue.PrivateKey | None


def ensure_pki(
    request: PkiRequest,
    *,
    now: dt.datetime | None = None,
    is_forced: Callable[[str, x509.Certificate], bool] = lambda _path, _certificate: False,
) -> list[str]:
    """Make and renew the cluster's certificates and kubeconfigs; it can be interrupted and repeated.

    `is_forced` tells by a certificate's path below pki/ (without suffix) whether it is renewed in any case.
    Returns one line for each change (`hosts/node1/apiserver.crt: expires 2027-01-31`).

    Raises:
        InputError: a file of the PKI is invalid, or half of a pair is missing.

    """
    moment = now or dt.datetime.now(dt.UTC)
    pki = request.pki
    files.make_folder(pki)
    changed = rotation.write_authorities(pki)
    authorities = {
        name: _ensure_authority(pki / name, common, moment, changed) for name, common in AUTHORITIES.items()
    }
    changed += service_account_keys.ensure_service_account_keys(pki)
    if request.encrypt_secrets:
        changed += encryption_keys.ensure_keys(pki)
    for host in request.hosts:
        files.make_folder(pki / "hosts" / host.name)
    for spec in list_certificates(request):
        authority = _find_signer(pki, spec, authorities[spec.authority])
        _ensure_certificate(pki, spec, authority, moment, changed, is_forced)
    for host in request.hosts:
        for name, content in kubeconfig.render_for_host(request, host).items():
            path = pki / "hosts" / host.name / name
            _change_note(
                files.write_if_changed(path, content, files.PRIVATE), path, request.artifacts, changed
            )
    path = request.artifacts / "admin.conf"
    _change_note(write_admin_kubeconfig(request), path, request.artifacts, changed)
    return changed


def write_admin_kubeconfig(request: PkiRequest) -> bool:
    """Write the administrator's kubeconfig from the files of the PKI; return whether it changed."""
    pki = request.pki
    content = kubeconfig.render_for_admin(
        request,
        authority=(pki / "ca.crt").read_bytes(),
        certificate=(pki / "admin.crt").read_bytes(),
        key=(pki / "admin.key").read_bytes(),
    )
    return files.write_if_changed(request.artifacts / "admin.conf", content, files.PRIVATE)


def load_certificate(path: Path) -> x509.Certificate:
    """Read a PEM certificate.

    Raises:
        InputError: the file has none.

    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise InputError(f"is not a certificate in PEM: {error}", file=path) from error


def load_key(path: Path) -> issue.PrivateKey:
    """Read an ECDSA key.

    Raises:
        InputError: the file has none.

    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise InputError("is missing, but it signs certificates: put it back", file=path) from None
    except (ValueError, TypeError) as error:
        raise InputError(f"is not a private key in PEM: {error}", file=path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError("is not an ECDSA key", file=path)
    return key


def _ensure_authority(stem: Path, common_name: str, now: dt.datetime, changed: list[str]) -> Authority:
    crt, key_file = stem.with_suffix(".crt"), stem.with_suffix(".key")
    if crt.exists() and lost_keys.is_lost(stem.parent, stem.name):
        return Authority(load_certificate(crt), None)
    if crt.exists() != key_file.exists():
        there, missing = (crt, key_file) if crt.exists() else (key_file, crt)
        # Hosts that trust the old authority would reject a new one, so the user must decide.
        raise InputError(
            f"is missing but {there.name} exists; restore the file, or run `kprov certs recover`, which "
            "fetches from the hosts what they have. Before the first `kprov up` you can also remove both",
            file=missing,
        )
    if crt.exists():
        certificate, key = load_certificate(crt), load_key(key_file)
        if certificate.public_key() != key.public_key():
            raise InputError(f"does not belong to {crt.name}; restore the pair", file=key_file)
        _change_note(
            files.narrow_mode(key_file, files.PRIVATE),
            key_file,
            stem.parent,
            changed,
            "permissions restricted",
        )
        if certificate.not_valid_after_utc > now:
            return Authority(certificate, key)
        changed.append(f"{crt.name}: expired {certificate.not_valid_after_utc:%Y-%m-%d}")
    else:
        key = issue.new_key()
        files.write_file(key_file, issue.key_pem(key), files.PRIVATE)
        changed.append(f"{crt.name}: new")
    certificate = issue.new_authority(common_name, key, now)
    files.write_file(crt, issue.certificate_pem(certificate), files.PUBLIC)
    return Authority(certificate, key)


def _find_signer(pki: Path, spec: CertificateSpec, authority: Authority) -> Authority:
    """Return the authority of a certificate; that of API servers may be the old one during a rotation."""
    old = rotation.find_old_authority(pki, spec.authority) if spec.path.endswith("/apiserver") else None
    if old is None:
        return authority
    key = None if rotation.has_lost_old_key(pki, spec.authority) else load_key(old[1])
    if key is None and not (pki / f"{spec.path}.crt").exists():
        return authority
    return Authority(load_certificate(old[0]), key)


def _ensure_certificate(
    pki: Path,
    spec: CertificateSpec,
    authority: Authority,
    now: dt.datetime,
    changed: list[str],
    is_forced: Callable[[str, x509.Certificate], bool],
) -> None:
    crt, key_file = pki / f"{spec.path}.crt", pki / f"{spec.path}.key"
    reason = "new"
    exists = crt.exists() and key_file.exists()
    if exists:
        _change_note(
            files.narrow_mode(key_file, files.PRIVATE), key_file, pki, changed, "permissions restricted"
        )
        try:
            certificate = load_certificate(crt)
            reason = issue.find_reason_to_renew(
                certificate, load_key(key_file), spec, authority.certificate, now
            )
            if not reason and is_forced(spec.path, certificate):
                reason = "renewed by request"
        except InputError as error:
            reason = error.reason
        if not reason:
            return
    if authority.key is None:
        # During a rotation hosts use what they have until the new authority issues it.
        if exists and rotation.read_stage(pki) is not None:
            return
        raise lost_keys.refuse_to_sign(pki, spec.authority, crt, reason)
    key = issue.new_key()
    certificate = issue.issue_certificate(spec, key, authority.certificate, authority.key, now)
    # Write the key first: an interruption leaves a mismatched pair, which the next run detects.
    files.write_file(key_file, issue.key_pem(key), files.PRIVATE)
    files.write_file(crt, issue.certificate_pem(certificate), files.PUBLIC)
    changed.append(f"{spec.path}.crt: {reason}")


def _change_note(happened: bool, path: Path, base: Path, changed: list[str], reason: str = "written") -> None:
    if happened:
        changed.append(f"{path.relative_to(base)}: {reason}")
