"""The replacement of the authorities: which one signs and which are trusted at each stage."""

from __future__ import annotations

import datetime as dt
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from kprov.errors import InputError
from kprov.pki import rotation
from kprov.pki.ensure import ensure_pki
from kprov.pki.request import PkiHost, PkiRequest
from kprov.pki.rotation import Stage
from kprov.pki.table import AUTHORITIES

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
CLIENT, SERVING = "hosts/n1/kubelet-client", "hosts/n1/apiserver"


@dataclass
class Pki:
    """A PKI and its first authorities."""

    request: PkiRequest
    old: dict[str, x509.Certificate]

    @property
    def folder(self) -> Path:
        return self.request.pki

    def trusted(self, name: str = "ca") -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates((self.folder / f"{name}.crt").read_bytes())

    def has_signed(self, authority: x509.Certificate, path: str) -> bool:
        certificate = x509.load_pem_x509_certificate((self.folder / f"{path}.crt").read_bytes())
        try:
            certificate.verify_directly_issued_by(authority)
        except InvalidSignature:
            return False
        return True


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    host = PkiHost("n1", ("10.0.0.1",), frozenset({"control_plane", "etcd", "node"}))
    request = PkiRequest(tmp_path / "artifacts", (host,))
    ensure_pki(request, now=NOW)
    first = {
        name: x509.load_pem_x509_certificate((request.pki / f"{name}.crt").read_bytes())
        for name in AUTHORITIES
    }
    return Pki(request, first)


def test_trust_comes_first_then_all_certificates_then_those_of_api_servers_then_the_end(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    ensure_pki(pki.request, now=NOW)
    old, new = pki.trusted()
    assert old == pki.old["ca"] != new
    assert pki.has_signed(old, CLIENT)
    rotation.set_stage(pki.folder, Stage.ISSUE)
    ensure_pki(pki.request, now=NOW)
    assert pki.trusted() == [new, old]
    assert pki.has_signed(new, CLIENT)
    assert pki.has_signed(new, "admin")
    assert pki.has_signed(old, SERVING)
    assert ensure_pki(pki.request, now=NOW) == []
    rotation.set_stage(pki.folder, Stage.SERVE)
    assert ensure_pki(pki.request, now=NOW) == [f"{SERVING}.crt: was signed by another authority"]
    assert pki.has_signed(new, SERVING)
    rotation.set_stage(pki.folder, Stage.DROP)
    ensure_pki(pki.request, now=NOW)
    assert pki.trusted() == [new]
    rotation.end_rotation(pki.folder)
    assert ensure_pki(pki.request, now=NOW) == []
    assert not [path for path in pki.folder.iterdir() if "rotation" in path.name]


def test_all_three_authorities_are_replaced(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    rotation.set_stage(pki.folder, Stage.DROP)
    ensure_pki(pki.request, now=NOW)
    assert all(pki.trusted(name) != [pki.old[name]] for name in AUTHORITIES)


def test_a_rotation_that_has_begun_keeps_its_new_authorities(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    ensure_pki(pki.request, now=NOW)
    before = pki.trusted()
    rotation.begin_rotation(pki.folder, NOW)
    ensure_pki(pki.request, now=NOW)
    assert pki.trusted() == before


def test_a_kill_between_key_and_certificate_is_repaired(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    ensure_pki(pki.request, now=NOW)
    rotation.set_stage(pki.folder, Stage.ISSUE)
    (pki.folder / "ca.key").write_bytes((pki.folder / "rotation" / "new-ca.key").read_bytes())
    ensure_pki(pki.request, now=NOW)
    assert pki.trusted()[1] == pki.old["ca"]
    assert pki.has_signed(pki.trusted()[0], CLIENT)


def test_the_time_since_when_both_are_trusted_is_kept(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    assert rotation.read_trusted_time(pki.folder) == 0
    rotation.mark_trusted(pki.folder)
    marked = rotation.read_trusted_time(pki.folder)
    assert marked > 0
    rotation.mark_trusted(pki.folder)
    assert rotation.read_trusted_time(pki.folder) == marked


def test_keys_are_private(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    files = [path for path in (pki.folder / "rotation").iterdir() if path.suffix == ".key"]
    assert len(files) == 2 * len(AUTHORITIES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_an_unknown_stage_is_refused(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    (pki.folder / "rotation" / "stage").write_text("later")
    with pytest.raises(InputError, match="stage"):
        ensure_pki(pki.request, now=NOW)


def test_an_old_key_that_is_missing_is_named_while_it_signs_and_not_missed_later(pki: Pki) -> None:
    rotation.begin_rotation(pki.folder, NOW)
    rotation.set_stage(pki.folder, Stage.ISSUE)
    ensure_pki(pki.request, now=NOW)
    (pki.folder / "rotation/old-ca.key").unlink()
    (pki.folder / "ca.key").unlink()
    with pytest.raises(InputError, match=r"rotation/old-ca.key.* is missing"):
        ensure_pki(pki.request, now=NOW)
    for stage in (Stage.SERVE, Stage.DROP):
        rotation.set_stage(pki.folder, stage)
        ensure_pki(pki.request, now=NOW)
    assert (pki.folder / "ca.key").exists()
    assert not pki.has_signed(pki.old["ca"], SERVING)
