"""Authorities without their keys stay trusted, sign nothing, and are replaced by a rotation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from kprov.errors import InputError
from kprov.pki import lost_keys, rotation
from kprov.pki.ensure import ensure_pki, load_certificate
from kprov.pki.request import PkiHost, PkiRequest
from kprov.pki.rotation import Stage
from kprov.pki.table import AUTHORITIES, list_certificates
from kprov.pki.users import issue_user_kubeconfig

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
NEARLY_A_YEAR = dt.timedelta(days=350)
HOST = PkiHost("n1", ("10.0.0.1",), frozenset({"control_plane", "etcd", "node"}))


def make_pki(folder: Path, *lost: str) -> PkiRequest:
    """Make a PKI, and lose the keys of these authorities."""
    request = PkiRequest(folder / "artifacts", (HOST,))
    ensure_pki(request, now=NOW)
    for name in lost:
        (request.pki / f"{name}.key").unlink()
        lost_keys.mark_lost(request.pki, name)
    return request


def is_signed_by(request: PkiRequest, path: str, authority: x509.Certificate) -> bool:
    try:
        load_certificate(request.pki / f"{path}.crt").verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_an_authority_without_its_key_signs_nothing_and_needs_to_sign_nothing(tmp_path: Path) -> None:
    request = make_pki(tmp_path, "etcd-ca", "front-proxy-ca")
    assert lost_keys.list_lost(request.pki) == ["etcd-ca", "front-proxy-ca"]
    assert ensure_pki(request, now=NOW) == []
    assert not (request.pki / "etcd-ca.key").exists()
    with pytest.raises(InputError) as caught:
        ensure_pki(request, now=NOW + NEARLY_A_YEAR)
    assert "etcd-ca.key is lost: replace the authorities with `kprov certs rotate-ca`" in str(caught.value)
    assert str(caught.value).startswith(str(request.pki / "hosts/n1"))


def test_a_key_that_is_missing_without_a_mark_is_refused(tmp_path: Path) -> None:
    request = make_pki(tmp_path)
    (request.pki / "etcd-ca.key").unlink()
    with pytest.raises(
        InputError, match=r"etcd-ca.key: is missing but etcd-ca.crt exists; .*`kprov certs recover`"
    ):
        ensure_pki(request, now=NOW)


def test_a_key_that_was_put_back_signs_again(tmp_path: Path) -> None:
    request = make_pki(tmp_path)
    key = (request.pki / "etcd-ca.key").read_bytes()
    (request.pki / "etcd-ca.key").unlink()
    lost_keys.mark_lost(request.pki, "etcd-ca")
    (request.pki / "etcd-ca.key").write_bytes(key)
    assert lost_keys.list_lost(request.pki) == []
    assert any("etcd-server.crt: expires" in line for line in ensure_pki(request, now=NOW + NEARLY_A_YEAR))


@pytest.mark.parametrize("lost", [("etcd-ca", "front-proxy-ca"), tuple(AUTHORITIES)])
def test_a_rotation_replaces_authorities_whose_keys_are_lost(tmp_path: Path, lost: tuple[str, ...]) -> None:
    request = make_pki(tmp_path, *lost)
    pki, old = request.pki, load_certificate(request.pki / "etcd-ca.crt")
    serving = load_certificate(pki / "hosts/n1/apiserver.crt")
    rotation.begin_rotation(pki, NOW)
    # Certificates that end soon wait for the new authority; only those with a key are renewed.
    renewed = ensure_pki(request, now=NOW + NEARLY_A_YEAR)
    assert not any("etcd-server" in line for line in renewed)
    both = x509.load_pem_x509_certificates((pki / "etcd-ca.crt").read_bytes())
    assert both[0] == old
    assert len(both) == 2
    assert lost_keys.list_lost(pki) == list(lost)
    rotation.set_stage(pki, Stage.ISSUE)
    ensure_pki(request, now=NOW)
    assert lost_keys.list_lost(pki) == []
    assert is_signed_by(request, "hosts/n1/etcd-server", both[1])
    # Users still know only the old authority, also where nothing can be signed with it.
    if "ca" in lost:
        assert load_certificate(pki / "hosts/n1/apiserver.crt") == serving
    rotation.set_stage(pki, Stage.SERVE)
    ensure_pki(request, now=NOW)
    rotation.set_stage(pki, Stage.DROP)
    ensure_pki(request, now=NOW)
    rotation.end_rotation(pki)
    assert ensure_pki(request, now=NOW) == []
    for name in AUTHORITIES:
        assert len(x509.load_pem_x509_certificates((pki / f"{name}.crt").read_bytes())) == 1
    assert all(
        is_signed_by(request, spec.path, load_certificate(pki / f"{spec.authority}.crt"))
        for spec in list_certificates(request)
    )


def test_a_rotation_trusts_all_authorities_of_a_recovered_bundle_until_its_end(tmp_path: Path) -> None:
    request = make_pki(tmp_path)
    rotation.begin_rotation(request.pki, NOW)
    ensure_pki(request, now=NOW)
    bundle = (request.pki / "etcd-ca.crt").read_bytes()
    # The folder of the rotation was lost with the other files: hosts still have both authorities.
    recovered = make_pki(tmp_path / "recovered", "etcd-ca")
    (recovered.pki / "etcd-ca.crt").write_bytes(bundle)
    rotation.begin_rotation(recovered.pki, NOW)
    rotation.write_authorities(recovered.pki)
    trusted = x509.load_pem_x509_certificates((recovered.pki / "etcd-ca.crt").read_bytes())
    assert trusted[:2] == x509.load_pem_x509_certificates(bundle)
    assert len(trusted) == 3


def test_a_user_gets_no_certificate_without_the_key(tmp_path: Path) -> None:
    request = make_pki(tmp_path, "ca")
    with pytest.raises(InputError, match=r"ca.key is lost"):
        issue_user_kubeconfig(request, "alice", (), dt.timedelta(hours=1), now=NOW)
