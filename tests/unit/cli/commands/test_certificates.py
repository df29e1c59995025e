"""`kprov certs`: issue and list as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner

from kprov.cli.commands.certificates import app

RUNNER = CliRunner()


def test_certificates_are_issued_without_a_connection_and_only_once(tmp_path: Path) -> None:
    groups = {name: {"hosts": {"node1": None}} for name in ("kube_control_plane", "etcd", "kube_node")}
    document = {"all": {"hosts": {"node1": {"ansible_host": "192.0.2.1"}}, "children": groups}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(document))
    first = RUNNER.invoke(app, ["issue", "-i", str(tmp_path)])
    assert first.exit_code == 0, first.output
    assert "hosts/node1/etcd-server.crt" in first.output
    listed = json.loads(RUNNER.invoke(app, ["list", "-i", str(tmp_path), "-o", "json"]).output)
    assert {"ca.crt", "hosts/node1/etcd-server.crt"} <= {one["name"] for one in listed}
    assert (tmp_path / "artifacts" / "admin.conf").exists()
    again = RUNNER.invoke(app, ["issue", "-i", str(tmp_path)])
    assert again.output == f"0 files written in {tmp_path}/artifacts\n"
