"""A run is refused unless its authorities are those of the running cluster."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.running_cluster import Setting
from kprov.operations.shared_credentials import (
    check_shared_credentials,
    find_lost_keys,
    find_mismatch,
    read_public_keys,
)
from kprov.pki import encryption_keys, issue

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def make_authority(key: issue.PrivateKey | None = None, now: dt.datetime = NOW) -> str:
    return issue.certificate_pem(issue.new_authority("kubernetes", key or issue.new_key(), now)).decode()


def on_hosts(*texts: str) -> list[Setting]:
    return [Setting(text, f"node{number}", "/pki/ca.crt") for number, text in enumerate(texts, 1)]


def test_the_same_authority_is_accepted(tmp_path: Path) -> None:
    text = make_authority()
    (tmp_path / "ca.crt").write_text(text)
    check_shared_credentials(tmp_path, {"ca.crt": on_hosts(text, text)})


def test_without_a_cluster_nothing_is_compared(tmp_path: Path) -> None:
    check_shared_credentials(tmp_path, {})


def test_a_renewed_certificate_of_the_same_key_is_accepted(tmp_path: Path) -> None:
    key = issue.new_key()
    (tmp_path / "ca.crt").write_text(make_authority(key, NOW + dt.timedelta(days=400)))
    check_shared_credentials(tmp_path, {"ca.crt": on_hosts(make_authority(key))})


def test_a_host_that_trusts_two_authorities_matches_either(tmp_path: Path) -> None:
    old, new = make_authority(), make_authority()
    (tmp_path / "ca.crt").write_text(new)
    assert find_mismatch(tmp_path / "ca.crt", on_hosts(old + new)) is None


def test_one_host_of_another_cluster_does_not_stop_a_run(tmp_path: Path) -> None:
    text = make_authority()
    (tmp_path / "ca.crt").write_text(text)
    assert find_mismatch(tmp_path / "ca.crt", on_hosts(make_authority(), text)) is None


def test_a_missing_authority_names_file_host_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_shared_credentials(tmp_path, {"ca.crt": on_hosts(make_authority())})
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path}/ca.crt: is missing, but the cluster runs with /pki/ca.crt of node1."
    )
    assert "Restore the folder" in message


def test_another_authority_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(make_authority())
    with pytest.raises(InputError, match=r"differs from that of the running cluster \(node1: /pki/ca.crt\)"):
        check_shared_credentials(tmp_path, {"ca.crt": on_hosts(make_authority())})


def test_a_damaged_copy_on_a_host_proves_nothing(tmp_path: Path) -> None:
    assert find_mismatch(tmp_path / "ca.crt", on_hosts("not PEM")) is None
    assert read_public_keys("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") == set()


def test_a_lost_or_other_encryption_key_is_refused_before_secrets_become_unreadable(tmp_path: Path) -> None:
    encryption_keys.ensure_keys(tmp_path)
    keys = encryption_keys.load_keys(tmp_path)
    assert keys is not None
    secret = keys.keys[0]["secret"]

    def make_copy(*secrets: str) -> list[Setting]:
        text = "".join(f"            - name: k\n              secret: {each}\n" for each in secrets)
        return [Setting(text, "node1", "/etc/kubernetes/encryption-config.yaml")]

    file = tmp_path / "encryption.json"
    assert find_lost_keys(file, make_copy(secret)) is None
    assert find_lost_keys(file, make_copy("b3RoZXI=", secret)) is None
    assert find_lost_keys(file, make_copy()) is None
    assert "has none of the keys" in (find_lost_keys(file, make_copy("b3RoZXI=")) or "")
    file.unlink()
    assert "is missing, but" in (find_lost_keys(file, make_copy(secret)) or "")
    assert secret not in (find_lost_keys(file, make_copy(secret)) or "")
