"""The keys of the cluster are secrets of every diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.inventory import secrets
from kprov.operations.diagnose.collection import register_keys
from kprov.operations.diagnose.redaction import find_secrets, redact_text
from kprov.pki.encryption_keys import EncryptionKeys, load_keys, save_keys


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    secrets.forget()


def test_a_key_that_encrypts_secrets_in_etcd_is_masked_and_found(tmp_path: Path) -> None:
    save_keys(tmp_path, EncryptionKeys(()).with_new_key().with_new_key())
    keys = load_keys(tmp_path)
    assert keys is not None
    text = "\n".join(f"- name: {key['name']}\n  secret: {key['secret']}" for key in keys.keys)
    assert find_secrets(text) == []
    register_keys(tmp_path)
    assert find_secrets(text) == ["a secret of the inventory"]
    assert not any(key["secret"] in redact_text(text) for key in keys.keys)
    assert find_secrets(redact_text(text)) == []


def test_a_damaged_file_of_keys_does_not_stop_the_diagnosis(tmp_path: Path) -> None:
    secret = "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMgISEhISE="
    document = json.dumps({"keys": [{"name": "key1", "secret": secret}]})
    (tmp_path / "encryption.json").write_text(document[:-2])
    register_keys(tmp_path)
    assert secret not in redact_text(f"x {secret}")
