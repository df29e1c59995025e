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

from tests.lab.conftest import KPROV, Cluster, eventually
from tests.operations.client_load import ClientLoad
from tests.operations.test_keys import check_load

_LOST = ("etcd-ca.key", "front-proxy-ca.key")


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
    refused = lab.kprov("up", *where, check=False)
    assert (refused.returncode, "`kprov certs recover`" in " ".join(refused.stderr.split())) == (2, True)
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
    up = lab.kprov("up", *where)
    assert "etcd-ca, front-proxy-ca: the key is lost" in " ".join(up.stderr.split())
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
