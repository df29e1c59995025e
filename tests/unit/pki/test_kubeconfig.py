"""Kubeconfigs as YAML."""

from __future__ import annotations

import base64

import pytest
import yaml

from kprov.pki import kubeconfig


@pytest.mark.parametrize("user", ["kubernetes-admin", "o'neill", "123", "a: b", "ü", "- x", "yes", ""])
def test_both_dumpers_write_the_same_bytes(user: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "cluster.local",
                "cluster": {
                    "certificate-authority-data": base64.b64encode(bytes(range(256)) * 8).decode(),
                    "server": "https://[fd00::1]:6443",
                },
            }
        ],
        "users": [{"name": user, "user": {"client-key-data": "x" * 3000}}],
        "preferences": {},
    }
    expected = yaml.safe_dump(document, sort_keys=False, width=1_000_000)
    assert kubeconfig.render_document(document).decode() == expected
