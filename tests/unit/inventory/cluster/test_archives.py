"""Variables of archives in an inventory: what is rejected, with file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.cluster import validation
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.sources.load import load_inventory


def validate(folder: Path, **variables: Any) -> ClusterVariables:
    groups = {name: {"hosts": {"a": None}} for name in validation.MEMBERS}
    document = {"all": {"hosts": {"a": {"ip": "192.0.2.1"}}, "vars": variables, "children": groups}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(document))
    return validation.validate(load_inventory(folder / "hosts.yml"))["a"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("etcd_install", "tarball", "'package' or 'archive'"),
        ("containerd_version", 1.7, "must be a whole version"),
        ("etcd_version", "3.5", "must be a whole version"),
        ("runc_checksums", {"amd64": {"1.3.6": "abc"}}, "amd64: 1.3.6: must be a SHA-256 sum"),
        ("kubectl_checksums", {"amd64": "abc"}, "amd64: must be {VERSION: SHA256}"),
        ("files_repo", "files", "must be a URL such as"),
    ],
)
def test_a_wrong_value_is_rejected_with_file_and_field(
    tmp_path: Path, name: str, value: Any, text: str
) -> None:
    with pytest.raises(InputError) as refused:
        validate(tmp_path, **{name: value})
    assert refused.value.field == name
    assert str(refused.value).startswith(f"{tmp_path}/hosts.yml:")
    assert text in str(refused.value)


def test_kubesprays_forms_are_accepted(tmp_path: Path) -> None:
    digest = "ab" * 32
    checksums = {"amd64": {"3.5.21": f"sha256:{digest}"}}
    found = validate(tmp_path, etcd_version="v3.5.21", etcd_binary_checksums=checksums)
    assert found.etcd_version == "3.5.21"
    assert found.etcd_binary_checksums == checksums
