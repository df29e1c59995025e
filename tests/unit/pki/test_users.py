"""Kubeconfigs of users: short-lived certificates, and the merge into a file that exists."""

from __future__ import annotations

import base64
import datetime as dt
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from kprov.errors import InputError
from kprov.pki.ensure import ensure_pki, load_certificate
from kprov.pki.kubeconfig import rename_entries
from kprov.pki.kubeconfig_file import find_user_file, merge_into_file
from kprov.pki.request import PkiHost, PkiRequest
from kprov.pki.users import issue_user_kubeconfig

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def pki(tmp_path: Path) -> PkiRequest:
    request = PkiRequest(
        tmp_path / "artifacts", (PkiHost("n1", ("10.0.0.1",), frozenset({"control_plane"})),)
    )
    ensure_pki(request)
    return request


def read_certificate(document: dict[str, Any]) -> x509.Certificate:
    data = document["users"][0]["user"]["client-certificate-data"]
    return x509.load_pem_x509_certificate(base64.b64decode(data))


def test_a_user_gets_a_short_certificate_with_all_groups(pki: PkiRequest) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    document = issue_user_kubeconfig(pki, "alice", ("dev", "ops"), 8 * HOUR, now=now)
    certificate = read_certificate(document)
    assert certificate.subject.rfc4514_string() == "CN=alice,O=ops,O=dev"
    assert certificate.not_valid_after_utc == now + 8 * HOUR
    certificate.verify_directly_issued_by(load_certificate(pki.pki / "ca.crt"))
    assert document["clusters"][0]["cluster"]["server"] == "https://10.0.0.1:8443"
    assert not list(pki.artifacts.rglob("*alice*"))


@pytest.mark.parametrize(
    ("user", "groups", "life", "field"),
    [
        ("", (), HOUR, "--user"),
        ("x" * 65, (), HOUR, "--user"),
        ("alice", ("",), HOUR, "--group"),
        ("alice", (), dt.timedelta(seconds=1), "--ttl"),
        ("alice", (), dt.timedelta(days=4000), "--ttl"),
    ],
)
def test_bad_names_and_times_are_refused(
    pki: PkiRequest, user: str, groups: tuple[str, ...], life: dt.timedelta, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        issue_user_kubeconfig(pki, user, groups, life)
    assert caught.value.field == field


def make_document(server: str = "https://10.0.0.1:8443", authority: str = "QQ==") -> dict[str, Any]:
    return rename_entries(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "x", "cluster": {"server": server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "kubernetes-admin", "user": {"client-key-data": "QQ=="}}],
            "contexts": [],
            "current-context": "",
        },
        "lab",
    )


def test_a_merge_keeps_all_other_entries(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    other = {
        "kind": "Config",
        "clusters": [{"name": "work", "cluster": {"server": "https://work"}}],
        "users": [{"name": "kubernetes-admin", "user": {"token": "t"}}],
        "contexts": [{"name": "work", "context": {"cluster": "work", "user": "kubernetes-admin"}}],
        "current-context": "work",
        "preferences": {"colors": True},
        "extensions": [{"name": "x", "extension": {}}],
    }
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(other))
    merge_into_file(path, make_document())
    merge_into_file(path, make_document())
    merged = yaml.safe_load(path.read_text())
    assert merged["contexts"][0] == other["contexts"][0]  # type: ignore[index]
    assert merged["users"][0] == other["users"][0]  # type: ignore[index]
    assert [entry["name"] for entry in merged["contexts"]] == ["work", "kubernetes-admin@lab"]
    assert merged["current-context"] == "kubernetes-admin@lab"
    assert merged["preferences"] == {"colors": True}
    assert merged["extensions"] == other["extensions"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_merge_follows_a_link_and_makes_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    merge_into_file(tmp_path / "link", make_document())
    assert (tmp_path / "link").is_symlink()
    assert yaml.safe_load((tmp_path / "real").read_text())["clusters"][0]["name"] == "lab"


def test_a_new_authority_or_address_of_the_same_cluster_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "config"
    merge_into_file(path, make_document())
    merge_into_file(path, make_document(authority="Qg=="))
    merge_into_file(path, make_document("https://10.0.0.100:8443", "Qg=="))
    with pytest.raises(InputError, match="another cluster 'lab'"):
        merge_into_file(path, make_document("https://10.9.9.9:8443", "Qw=="))
    merged = yaml.safe_load(path.read_text())
    assert [entry["cluster"]["server"] for entry in merged["clusters"]] == ["https://10.0.0.100:8443"]


@pytest.mark.parametrize("text", ["[]", "clusters: {}", "users: [{}]", "a: b: c"])
def test_an_invalid_file_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InputError):
        merge_into_file(path, make_document())
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_that_of_kubectl(tmp_path: Path) -> None:
    second = tmp_path / "b"
    paths = f"{tmp_path / 'a'}:{second}"
    assert find_user_file({"KUBECONFIG": paths}) == second
    (tmp_path / "a").touch()
    assert find_user_file({"KUBECONFIG": paths}) == tmp_path / "a"
    assert find_user_file({"HOME": "/home/alice"}) == Path("/home/alice/.kube/config")
