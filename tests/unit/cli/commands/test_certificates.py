"""`kprov certs`: issue and list as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from kprov.cli.commands.certificates import app
from kprov.errors import InputError
from kprov.offline.manifest import ExportedImages, Manifest
from kprov.offline.unpack import Export
from kprov.operations import offline

RUNNER = CliRunner()


def write_inventory(folder: Path) -> None:
    groups = {name: {"hosts": {"node1": None}} for name in ("kube_control_plane", "etcd", "kube_node")}
    document = {"all": {"hosts": {"node1": {"ansible_host": "192.0.2.1"}}, "children": groups}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(document))


def test_certificates_are_issued_without_a_connection_and_only_once(tmp_path: Path) -> None:
    write_inventory(tmp_path)
    first = RUNNER.invoke(app, ["issue", "-i", str(tmp_path)])
    assert first.exit_code == 0, first.output
    assert "hosts/node1/etcd-server.crt" in first.output
    listed = json.loads(RUNNER.invoke(app, ["list", "-i", str(tmp_path), "-o", "json"]).output)
    assert {"ca.crt", "hosts/node1/etcd-server.crt"} <= {one["name"] for one in listed}
    assert (tmp_path / "artifacts" / "admin.conf").exists()
    again = RUNNER.invoke(app, ["issue", "-i", str(tmp_path)])
    assert again.output == f"0 files written in {tmp_path}/artifacts\n"


def test_a_file_that_is_no_export_is_rejected(tmp_path: Path) -> None:
    write_inventory(tmp_path)
    refused = RUNNER.invoke(app, ["issue", "-i", str(tmp_path), "--offline", str(tmp_path / "hosts.yml")])
    assert isinstance(refused.exception, InputError)
    assert "is not an export of kprov" in str(refused.exception)
    assert not (tmp_path / "artifacts").exists()


def test_an_export_with_images_gets_certificates_for_its_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_inventory(tmp_path)
    found = Manifest("0", "v1", "x86_64", {}, ExportedImages("registry/i.tar", "i", ("example.com/a:1",)))
    monkeypatch.setattr(offline, "unpack_export", lambda file, **_: Export(file, found, tmp_path))
    issued = RUNNER.invoke(app, ["issue", "-i", str(tmp_path), "--offline", str(tmp_path / "export")])
    assert "hosts/node1/registry.crt" in issued.output
