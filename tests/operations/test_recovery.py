"""A lost folder of keys is fetched again from the hosts, and authorities without keys are replaced under load."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.conftest import KPROV, Cluster, eventually
from tests.operations.client_load import ClientLoad
from tests.operations.test_keys import check_load
from tests.operations.unit_starts import count_new_starts, count_starts

_LOST = ("etcd-ca.key", "front-proxy-ca.key")

#: With other authorities than those of the hosts, each of these would end the cluster.
REFUSED = (
    ("plan",),
    ("up", "--check"),
    ("up",),
    ("certs", "renew", "--all", "--plan"),
    ("certs", "renew", "--all"),
    ("certs", "rotate-ca", "--yes"),
    ("secrets", "rotate-key"),
    ("node", "replace", "node3", "--yes"),
    ("etcd", "replace", "node3", "--yes"),
    ("upgrade",),
)


@pytest.fixture
def kept(cluster: Cluster, tmp_path: Path) -> Path:
    """The folder of keys, lost for the operator and kept for the test."""
    aside = tmp_path / "kept"
    shutil.move(cluster.kubeconfig.parent, aside)
    return aside


@contextlib.contextmanager
def exchange_authority(cluster: Cluster, host: str) -> Iterator[None]:
    """Let a host answer with another authority of etcd. API servers read the file only when they start."""
    file = "/etc/kubernetes/pki/etcd/ca.crt"
    cluster.lab.ssh(host, f"cp -p {file} /root/aside; cp /etc/kubernetes/pki/ca.crt {file}")
    try:
        yield
    finally:
        cluster.lab.ssh(host, f"mv /root/aside {file}")


def kill_after_first_file(cluster: Cluster) -> None:
    """Start the recovery, and kill it as soon as it has written a file."""
    pki = cluster.kubeconfig.parent / "pki"
    words = cluster.lab.words("certs", "recover", "-i", cluster.lab.inventory)
    with subprocess.Popen(
        [str(word) for word in (KPROV, *words)], stdout=subprocess.DEVNULL, cwd=cluster.lab.directory
    ) as process:
        eventually("a file is written", lambda: list(pki.glob("hosts/*/*.key")), every=0.002)
        process.kill()


def test_a_lost_folder_of_keys_comes_back_from_the_hosts(
    cluster: Cluster, kept: Path, tmp_path: Path
) -> None:
    lab, pki = cluster.lab, cluster.kubeconfig.parent / "pki"
    where = ("-i", lab.inventory)
    for words in REFUSED:
        refused = lab.kprov(*words, *where, check=False)
        assert (refused.returncode, "`kprov certs recover`" in " ".join(refused.stderr.split())) == (2, True)
        assert not (pki / "ca.crt").exists()
    with exchange_authority(cluster, "node3"):
        refused = lab.kprov("certs", "recover", *where, check=False)
    assert refused.returncode == 2
    assert "node3: /etc/kubernetes/pki/etcd/ca.crt differs from" in refused.stderr
    plan = lab.kprov("certs", "recover", "--plan", *where).stdout
    assert "ca.key from node1, node2, node3" in plan
    assert "etcd-ca.key is on no host: `kprov certs rotate-ca` replaces this authority" in plan
    assert not (pki / "ca.crt").exists()
    kill_after_first_file(cluster)
    lab.kprov("resume", *where)
    names = [str(path.relative_to(kept / "pki")) for path in (kept / "pki").rglob("*") if path.is_file()]
    for name in names:
        if name.endswith(".conf") or name in (*_LOST, "encryption.json"):
            continue
        assert (pki / name).read_bytes() == (kept / "pki" / name).read_bytes(), name
        assert stat.S_IMODE((pki / name).stat().st_mode) == (0o600 if name.endswith(".key") else 0o644), name
    assert not any((pki / name).exists() for name in _LOST)
    keys = [json.loads((folder / "encryption.json").read_text())["keys"] for folder in (pki, kept / "pki")]
    assert keys[0] == keys[1]
    assert cluster.kubeconfig.read_bytes() == (kept / "admin.conf").read_bytes()
    again = lab.kprov("certs", "recover", *where).stdout
    assert again.count("nothing to do") == 2
    report, starts = tmp_path / "up.json", count_starts(lab)
    up = lab.kprov("up", *where, "--report", report)
    assert "etcd-ca, front-proxy-ca: the key is lost" in " ".join(up.stderr.split())
    assert json.loads(report.read_text())["changes"] == []
    assert count_new_starts(lab, starts) == {}
    assert "Nothing would change" in lab.kprov("plan", *where).stdout
    old = tmp_path / "old.conf"
    shutil.copy(cluster.kubeconfig, old)
    with ClientLoad(old, "recovered-old") as load:
        lab.kprov("certs", "rotate-ca", "--keep-old", "--yes", *where, timeout=1200)
    check_load(cluster, load, "recovered-old")
    new = tmp_path / "new.conf"
    shutil.copy(cluster.kubeconfig, new)
    with ClientLoad(new, "recovered-new") as load:
        lab.kprov("certs", "rotate-ca", "--yes", *where, timeout=1200)
    check_load(cluster, load, "recovered-new")
    assert all((pki / name).exists() for name in _LOST)
    assert not list(pki.glob("*.key-lost"))
    lab.kprov("certs", "compare", *where)
    lab.kprov("verify", *where, "--wait", "180")


def test_without_a_key_on_the_hosts_the_operator_is_told_and_a_rotation_makes_all_keys(
    cluster: Cluster, tmp_path: Path
) -> None:
    lab, pki = cluster.lab, cluster.kubeconfig.parent / "pki"
    where, file = ("-i", lab.inventory), lab.inventory / "hosts.yml"
    signing = file.read_text()
    document = yaml.safe_load(signing)
    document["all"]["vars"]["kube_sign_certificates"] = False
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    lab.kprov("up", *where)
    shutil.move(cluster.kubeconfig.parent, tmp_path / "kept")
    # The inventory may say something else than the hosts.
    file.write_text(signing)
    refused = lab.kprov("certs", "recover", *where, check=False)
    assert refused.returncode == 2
    text = " ".join(refused.stderr.split())
    assert "kube_sign_certificates: no host has the key of the cluster's authority" in text
    assert not (pki / "ca.crt").exists()
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    lost = ("ca", "etcd-ca", "front-proxy-ca")
    plan = lab.kprov("certs", "recover", "--plan", *where).stdout
    for name in lost:
        assert f"{name}.key is on no host: `kprov certs rotate-ca` replaces this authority" in plan
    lab.kprov("certs", "recover", *where)
    report, starts = tmp_path / "up.json", count_starts(lab)
    up = lab.kprov("up", *where, "--report", report)
    assert f"{', '.join(lost)}: the key is lost" in " ".join(up.stderr.split())
    assert json.loads(report.read_text())["changes"] == []
    assert count_new_starts(lab, starts) == {}
    refused = lab.kprov("kubeconfig", "--user", "alice", *where, check=False)
    assert (refused.returncode, "`kprov certs rotate-ca`" in " ".join(refused.stderr.split())) == (2, True)
    lab.kprov("certs", "rotate-ca", "--yes", *where, timeout=1200)
    assert all((pki / f"{name}.key").exists() for name in lost)
    file.write_text(signing)
    lab.kprov("up", *where)
    lab.kprov("certs", "compare", *where)
    lab.kprov("verify", *where, "--wait", "180")
