"""Keys of encrypted secrets and of service account tokens, and their replacement."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from kprov.errors import InputError
from kprov.kube.apiserver.authn.service_accounts import compute_key_id, load_public_keys
from kprov.operations.shared_credentials import read_public_keys
from kprov.pki import encryption_keys, service_account_keys


def test_the_first_encryption_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    assert encryption_keys.load_keys(tmp_path) is None
    assert encryption_keys.ensure_keys(tmp_path) == ["encryption.json: new"]
    keys = encryption_keys.load_keys(tmp_path)
    assert keys is not None
    assert keys.names == ["key1"]
    assert len(base64.b64decode(keys.keys[0]["secret"])) == 32
    assert encryption_keys.ensure_keys(tmp_path) == []
    assert encryption_keys.load_keys(tmp_path) == keys
    path = tmp_path / "encryption.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert encryption_keys.ensure_keys(tmp_path) == ["encryption.json: permissions restricted"]


def test_a_new_encryption_key_has_a_new_name() -> None:
    keys = encryption_keys.EncryptionKeys(
        ({"name": "key7", "secret": "QQ=="}, {"name": "mine", "secret": "QQ=="})
    )
    assert keys.with_new_key().names == ["key7", "mine", "key8"]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"keys": []}', '{"keys": [{"name": "a", "secret": "?"}]}', "[1]"]
)
def test_an_invalid_file_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "encryption.json").write_text(text)
    with pytest.raises(InputError):
        encryption_keys.ensure_keys(tmp_path)


def test_the_stage_of_a_rotation_is_kept(tmp_path: Path) -> None:
    encryption_keys.save_keys(
        tmp_path, encryption_keys.EncryptionKeys(({"name": "a", "secret": "QQ=="},), "use")
    )
    loaded = encryption_keys.load_keys(tmp_path)
    assert loaded is not None
    assert loaded.stage == "use"
    assert json.loads((tmp_path / "encryption.json").read_text())["stage"] == "use"


def read_ids(pki: Path) -> list[str]:
    """Return the key IDs that an API server accepts."""
    return [compute_key_id(key) for key in load_public_keys([str(pki / "sa.pub")])]


def signer_id(pki: Path) -> str:
    key = serialization.load_pem_private_key((pki / "sa.key").read_bytes(), None)
    return compute_key_id(key.public_key())  # type: ignore[arg-type]


def test_a_new_signing_key_is_accepted_before_it_signs_and_the_old_one_after(tmp_path: Path) -> None:
    service_account_keys.ensure_service_account_keys(tmp_path)
    old = signer_id(tmp_path)
    assert read_ids(tmp_path) == [old]
    service_account_keys.add_next_key(tmp_path)
    service_account_keys.add_next_key(tmp_path)
    service_account_keys.ensure_service_account_keys(tmp_path)
    assert signer_id(tmp_path) == old
    accepted = read_ids(tmp_path)
    assert accepted[0] == old
    service_account_keys.use_next_key(tmp_path)
    service_account_keys.ensure_service_account_keys(tmp_path)
    assert signer_id(tmp_path) == accepted[1]
    assert read_ids(tmp_path) == accepted[::-1]
    assert service_account_keys.count_old_keys(tmp_path) == 1
    assert len(read_public_keys((tmp_path / "sa.pub").read_text())) == 2
    service_account_keys.drop_old_keys(tmp_path)
    service_account_keys.ensure_service_account_keys(tmp_path)
    assert read_ids(tmp_path) == [accepted[1]]


def test_a_kill_before_the_new_key_signs_loses_no_key(tmp_path: Path) -> None:
    service_account_keys.ensure_service_account_keys(tmp_path)
    service_account_keys.add_next_key(tmp_path)
    old = signer_id(tmp_path)
    # As use_next_key, killed before it renames the key.
    (tmp_path / "sa-old.pub").write_bytes((tmp_path / "sa.pub").read_bytes())
    service_account_keys.ensure_service_account_keys(tmp_path)
    assert signer_id(tmp_path) == old
    assert len(read_ids(tmp_path)) == 2
