"""Secrets at rest: what stands in etcd, who can read it, and how keys are rotated."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.servers import ApiServer, Etcd

KEYS = {
    name: base64.b64encode(bytes([number]) * 32).decode() for number, name in enumerate(("k1", "k2", "k3"))
}
SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    started = Etcd(tmp_path)
    yield started
    started.stop()


def provider(kind: str, *keys: str) -> dict[str, Any]:
    return {kind: {"keys": [{"name": key, "secret": KEYS[key]} for key in keys]} if keys else {}}


def write(path: Path, *rules: tuple[list[str], list[dict[str, Any]]]) -> None:
    entries = [{"resources": resources, "providers": providers} for resources, providers in rules]
    path.write_text(
        json.dumps(
            {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "EncryptionConfiguration",
                "resources": entries,
            }
        )
    )


def secret(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def key(name: str) -> str:
    return f"/registry/secrets/default/{name}"


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        ("aescbc", b"k8s:enc:aescbc:v1:k1:"),
        ("aesgcm", b"k8s:enc:aesgcm:v1:k1:"),
        ("secretbox", b"k8s:enc:secretbox:v1:k1:"),
    ],
)
def test_a_secret_is_written_encrypted_and_read_plain(
    etcd: Etcd, tmp_path: Path, kind: str, prefix: bytes
) -> None:
    """Create, read, list, update, after a restart too; other resources stay plain."""
    config = tmp_path / "encryption.yaml"
    write(
        config,
        (
            ["secrets"],
            [
                provider(kind, "k1"),
                provider("aescbc", "k1"),
                provider("aesgcm", "k1"),
                provider("secretbox", "k1"),
                provider("identity"),
            ],
        ),
    )
    server = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").start()
    try:
        assert server.post(SECRETS, secret(kind, word="hunter2-of-old")).status == 201
        value = etcd.value(key(kind))
        assert value.startswith(prefix)
        assert b"hunter2" not in base64.b64encode(value)
        assert base64.b64decode(server.get(f"{SECRETS}/{kind}").json["data"]["word"]) == b"hunter2-of-old"
        changed = server.ask(
            "PATCH",
            f"{SECRETS}/{kind}",
            {"stringData": {"word": "new"}},
            content_type="application/merge-patch+json",
        )
        assert changed.status == 200
        assert etcd.value(key(kind)).startswith(prefix)
        assert (
            server.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": kind}}).status == 201
        )
        assert etcd.value(f"/registry/configmaps/default/{kind}").startswith(b'{"kind"')
    finally:
        server.stop()
    server.start()
    try:
        found = [item for item in server.get(SECRETS).json["items"] if item["metadata"]["name"] == kind]
        assert base64.b64decode(found[0]["data"]["word"]) == b"new"
    finally:
        server.stop()


def test_keys_are_rotated_by_reload_and_stale_values_are_written_anew_by_an_unchanged_update(
    etcd: Etcd, tmp_path: Path
) -> None:
    """First plain, then one key, then another in front of it: each no-op PUT moves the value on."""
    config = tmp_path / "encryption.yaml"
    write(config, (["secrets"], [provider("identity"), provider("aescbc", "k1")]))
    first = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").start()
    try:
        assert first.post(SECRETS, secret("moving", a="b")).status == 201
        assert etcd.value(key("moving")).startswith(b"{")
        write(config, (["secrets"], [provider("aescbc", "k2", "k1"), provider("identity")]))
    finally:
        first.stop()
    second = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").start()
    try:
        obj = second.get(f"{SECRETS}/moving").json
        before = obj["metadata"]["resourceVersion"]
        after = second.ask("PUT", f"{SECRETS}/moving", obj).json["metadata"]["resourceVersion"]
        assert after != before
        assert etcd.value(key("moving")).startswith(b"k8s:enc:aescbc:v1:k2:")
        again = second.ask("PUT", f"{SECRETS}/moving", second.get(f"{SECRETS}/moving").json).json
        assert again["metadata"]["resourceVersion"] == after
    finally:
        second.stop()


def test_what_no_key_opens_is_an_error_and_the_rest_is_served(etcd: Etcd, tmp_path: Path) -> None:
    """500 for the secret and for lists that have it; other resources and the server itself are well."""
    config = tmp_path / "encryption.yaml"
    write(config, (["secrets"], [provider("secretbox", "k3"), provider("identity")]))
    server = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").start()
    try:
        assert server.post(SECRETS, secret("lost", a="b")).status == 201
    finally:
        server.stop()
    value = etcd.value(key("lost"))
    write(
        config,
        (
            ["secrets"],
            [
                provider("aesgcm", "k1"),
                provider("aescbc", "k1", "k2"),
                provider("secretbox", "k1"),
                provider("identity"),
            ],
        ),
    )
    server.start()
    try:
        refused = server.get(f"{SECRETS}/lost")
        assert refused.status == 500
        assert f'unable to transform key "{key("lost")}"' in refused.json["message"]
        assert server.get(SECRETS).status == 500
        assert server.ask("DELETE", f"{SECRETS}/lost").status == 500
        assert server.post(SECRETS, secret("other", a="b")).status == 201
        assert server.get(f"{SECRETS}/other").status == 200
        assert server.get("/api/v1/pods").status == 200
        assert etcd.value(key("lost")) == value
        etcd.delete(key("lost"))
        deadline = time.monotonic() + 10
        while server.get(SECRETS).status != 200:
            assert time.monotonic() < deadline
    finally:
        server.stop()


def test_wildcards_cover_groups_and_the_most_exact_rule_wins(etcd: Etcd, tmp_path: Path) -> None:
    config = tmp_path / "encryption.yaml"
    write(
        config,
        (["configmaps"], [provider("identity")]),
        (
            ["secrets"],
            [
                provider("aesgcm", "k1"),
                provider("aescbc", "k1", "k2"),
                provider("secretbox", "k1", "k3"),
                provider("identity"),
            ],
        ),
        (["*.apps"], [provider("secretbox", "k1"), provider("identity")]),
        (["*.*"], [provider("aescbc", "k3"), provider("identity")]),
    )
    server = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").start()
    try:
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        for path, name in (
            ("/api/v1/namespaces/default/configmaps", "wild"),
            ("/api/v1/namespaces/default/serviceaccounts", "wild"),
        ):
            assert server.post(path, {"metadata": {"name": name}}).status == 201
        apps = "/apis/apps/v1/namespaces/default/deployments"
        assert server.post(apps, {"metadata": {"name": "wild"}, "spec": spec}).status == 201
        assert etcd.value("/registry/configmaps/default/wild").startswith(b"{")
        assert etcd.value("/registry/deployments/default/wild").startswith(b"k8s:enc:secretbox:v1:k1:")
        assert etcd.value("/registry/serviceaccounts/default/wild").startswith(b"k8s:enc:aescbc:v1:k3:")
    finally:
        server.stop()


def test_a_wrong_configuration_ends_the_server_with_every_field_named(etcd: Etcd, tmp_path: Path) -> None:
    config = tmp_path / "encryption.yaml"
    bad = {"aescbc": {"keys": [{"name": "", "secret": base64.b64encode(b"short").decode()}]}}
    write(config, (["Secrets", "*"], [bad, {"kms": {"name": "x"}}, {}]))
    said = ApiServer(tmp_path, etcd, f"--encryption-provider-config={config}").refused()
    for text in (
        'resources[0].resources[0]: Invalid value: \\"Secrets\\": resource name should not contain capital letters',
        "resources[0].resources[1]",
        "resources[0].providers[0].aescbc.keys[0].name: Required value",
        "secret is not of the expected length, got 5, expected one of [16 24 32]",
        "resources[0].providers[1].kms: Forbidden",
        "resources[0].providers[2]: Invalid value",
    ):
        assert text in said or text.replace('\\"', '"') in said
    assert "Traceback" not in said
