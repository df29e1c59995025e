"""`kprov diagnose` collects from every reachable host, names the others, and takes no secret."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import yaml

from tests.lab.conftest import HOSTS, Cluster

MARK = "bGV0IG1lIGluLCBJIGFtIGEgc2VjcmV0"


def inventory_without(cluster: Cluster, host: str, folder: Path) -> Path:
    """Write an inventory of the same cluster in which no one listens on this host's SSH port."""
    document = yaml.safe_load((cluster.lab.inventory / "hosts.yml").read_text())
    document["all"]["hosts"][host]["ansible_port"] = 1
    (folder / "hosts.yml").write_text(yaml.safe_dump(document))
    (folder / "artifacts").symlink_to(cluster.lab.inventory / "artifacts")
    return folder


def test_the_archive_has_journals_states_and_objects_but_no_secret(cluster: Cluster, tmp_path: Path) -> None:
    cluster.kubectl("create", "secret", "generic", "diagnosed", f"--from-literal=password={MARK}")
    cluster.kubectl("run", "diagnosed", "--image=none.invalid/none:1", f"--env=PASSWORD={MARK}")
    archive = tmp_path / "d.tar.gz"
    try:
        done = cluster.lab.kprov(
            "diagnose",
            *("-i", inventory_without(cluster, "node3", tmp_path), "-o", archive, "--since", "1h"),
            check=False,
        )
    finally:
        cluster.kubectl("delete", "secret/diagnosed", "pod/diagnosed", "--now")
    with tarfile.open(archive) as tar:
        files = {name.removeprefix("d/"): tar.extractfile(name) for name in tar.getnames()}
        texts = {name: file.read().decode() for name, file in files.items() if file is not None}
    assert done.returncode == 4
    assert "unreachable: node3" in done.stdout
    assert "**node3**" in texts["index.md"]
    for host in ("node1", "node2"):
        assert "etcd.service" in texts[f"hosts/{host}/units.txt"]
        assert "kube-apiserver" in texts[f"hosts/{host}/journal/kube-apiserver.log"]
        assert "table " in texts[f"hosts/{host}/network/nftables.txt"]
        assert "IS LEADER" in texts[f"hosts/{host}/etcd/status.txt"]
    kinds = {item["kind"] for item in json.loads(texts["cluster/objects.json"])["items"]}
    assert {"Node", "Event", "Lease", "Pod"} <= kinds
    assert "Secret" not in kinds
    results = json.loads(texts["verify.json"])
    assert {result["host"] for result in results} >= set(HOSTS)
    everything = "\n".join(texts.values())
    assert MARK not in everything
    keys = list((cluster.lab.inventory / "artifacts" / "pki").rglob("*.key"))
    assert keys
    for key in keys:
        assert key.read_text().splitlines()[1] not in everything
    encryption = json.loads((cluster.lab.inventory / "artifacts/pki/encryption.json").read_text())
    assert not [key["name"] for key in encryption["keys"] if key["secret"] in everything]
