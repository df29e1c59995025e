"""The API server's encryption configuration, audit policy and unit, read as the server reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.kube.apiserver.audit import policy
from kprov.kube.apiserver.storage.encryption import configuration
from tests.unit.roles.rendering import render_template

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


def render(folder: Path, template: str, **variables: Any) -> Path:
    (folder / "pki").mkdir(exist_ok=True)
    keys = [{"name": "key2", "secret": KEY}, {"name": "key1", "secret": KEY}]
    (folder / "pki" / "encryption.json").write_text(json.dumps({"keys": keys}))
    variables = {
        "pki_dir": str(folder / "pki"),
        "kube_apiserver_encrypts": True,
        "node_ip": "10.0.0.1",
    } | variables
    text = render_template(folder, "kube_apiserver", template, ["a"], variables)
    path = folder / "result"
    path.write_text(text)
    return path


def list_providers(path: Path) -> list[str]:
    document = yaml.safe_load(path.read_text())
    return [name for provider in document["resources"][0]["providers"] for name in provider]


def test_the_first_key_encrypts_and_plain_values_stay_readable(tmp_path: Path) -> None:
    path = render(tmp_path, "encryption-config.yaml.j2")
    assert list_providers(path) == ["secretbox", "aesgcm", "aescbc", "identity"]
    transformer = configuration.load(str(path)).find_transformer("", "secrets")
    assert transformer.header == b"k8s:enc:secretbox:v1:key2:"


def test_a_server_beside_one_without_keys_only_decrypts(tmp_path: Path) -> None:
    path = render(tmp_path, "encryption-config.yaml.j2", kube_apiserver_encrypts=False)
    assert list_providers(path) == ["identity", "secretbox", "aesgcm", "aescbc"]
    assert configuration.load(str(path)).find_transformer("", "secrets").header == b""


@pytest.mark.parametrize("algorithm", ["secretbox", "aesgcm", "aescbc"])
def test_algorithm_and_resources_are_the_inventorys(tmp_path: Path, algorithm: str) -> None:
    path = render(
        tmp_path,
        "encryption-config.yaml.j2",
        kube_encryption_algorithm=algorithm,
        kube_encryption_resources=["secrets", "configmaps"],
    )
    assert sorted(list_providers(path)) == ["aescbc", "aesgcm", "identity", "secretbox"]
    transformer = configuration.load(str(path)).find_transformer("", "configmaps")
    assert transformer.header == f"k8s:enc:{algorithm}:v1:key2:".encode()


def test_the_audit_policy_is_valid_and_so_are_rules_of_the_user(tmp_path: Path) -> None:
    path = render(tmp_path, "audit-policy.yaml.j2")
    assert policy.load(str(path))
    assert yaml.safe_load(path.read_text())["rules"][-1] == {"level": "Metadata"}
    path = render(
        tmp_path, "audit-policy.yaml.j2", audit_policy_custom_rules="- level: Request\n  users: [a]\n"
    )
    assert yaml.safe_load(path.read_text())["rules"] == [{"level": "Request", "users": ["a"]}]
    assert policy.load(str(path))
