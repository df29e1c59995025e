"""Signatures of exports: keys of OpenSSH, and clear errors for all that is not signed by a trusted one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.offline import manifest, signature
from kprov.offline.unpack import unpack_export
from tests.unit.offline.test_unpack import _PARTS, make_manifest, write


def make_key(path: Path, kind: str = "ed25519", phrase: str = "") -> Path:
    words = ["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def write_signed(folder: Path, key: Path) -> Path:
    encoded = make_manifest(folder).encode()
    signed = signature.sign_manifest(encoded, signature.load_signing_key(key)).encode()
    return write(folder / "e", encoded, {signature.NAME: signed, **_PARTS})


def test_an_export_of_a_trusted_key_is_unpacked(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    trusted = signature.load_trusted_keys(tmp_path / "key.pub")
    export = unpack_export(write_signed(tmp_path, key), cache=tmp_path / "cache", trusted=trusted)
    assert export.path("bundles/b.tar.gz").read_bytes() == _PARTS["bundles/b.tar.gz"]
    words = ["ssh-keygen", "-l", "-f", str(key)]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert export.signature is not None
    assert export.signature.fingerprint in shown.split()


def test_an_unsigned_export_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "e", make_manifest(tmp_path).encode())
    assert unpack_export(file, cache=tmp_path / "cache").signature is None
    make_key(tmp_path / "key")
    trusted = signature.load_trusted_keys(tmp_path / "key.pub")
    with pytest.raises(InputError, match=r"the export is not signed.*--sign KEY"):
        unpack_export(file, cache=tmp_path / "cache", trusted=trusted)


def test_an_export_of_another_key_is_refused(tmp_path: Path) -> None:
    file = write_signed(tmp_path, make_key(tmp_path / "key"))
    make_key(tmp_path / "other")
    trusted = signature.load_trusted_keys(tmp_path / "other.pub")
    with pytest.raises(InputError, match=r"SHA256:\S+ signed the export, and offline_trusted_key does not"):
        unpack_export(file, cache=tmp_path / "cache", trusted=trusted)


@pytest.mark.parametrize(
    "signed", [b"", b"5", b"{}", b'{"key": "ssh-ed25519 AAAA", "signature": ""}', b"x" * 9000]
)
def test_a_damaged_signature_is_refused(tmp_path: Path, signed: bytes) -> None:
    encoded = make_manifest(tmp_path).encode()
    file = write(tmp_path / "e", encoded, {signature.NAME: signed, **_PARTS})
    with pytest.raises(InputError, match="the signature of the export is wrong"):
        unpack_export(file, cache=tmp_path / "cache")


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    encoded = make_manifest(tmp_path).encode()
    key = signature.load_signing_key(make_key(tmp_path / "key"))
    signed = signature.sign_manifest(encoded, key).encode()
    changed = encoded.replace(b"v1.36.0", b"v1.36.1")
    file = write(tmp_path / "e", changed, {signature.NAME: signed, **_PARTS})
    with pytest.raises(InputError, match="the signature of the export is wrong"):
        unpack_export(file, cache=tmp_path / "cache")
    assert manifest.parse_manifest(changed, file).components == "v1.36.1+kprov"


@pytest.mark.parametrize(
    ("kind", "phrase", "problem"),
    [("rsa", "", "is no Ed25519 key"), ("ed25519", "secret", "is no private key without a passphrase")],
)
def test_a_key_of_another_kind_is_refused(tmp_path: Path, kind: str, phrase: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        signature.load_signing_key(make_key(tmp_path / "key", kind, phrase))


def test_a_file_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# none\nssh-rsa AAAA\n")
    with pytest.raises(InputError, match="has no Ed25519 public key"):
        signature.load_trusted_keys(tmp_path / "keys")
