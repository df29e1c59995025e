"""Keys and authorities are replaced while clients read and write, also by a kprov that is killed again and again."""

from __future__ import annotations

import http.client
import json
import random
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import api_connection
from tests.lab.conftest import KPROV, Cluster, eventually
from tests.operations.client_load import ClientLoad
from tests.operations.unit_starts import count_new_starts, count_starts

#: How often kprov is killed at most.
KILLS = 6


def list_config_maps(cluster: Cluster, prefix: str) -> set[str]:
    names = {item["metadata"]["name"] for item in cluster.get("configmaps", "-n", "default")["items"]}
    return {name for name in names if name.startswith(prefix)}


def check_load(cluster: Cluster, load: ClientLoad, prefix: str) -> None:
    sys.stdout.write(f"{prefix}: longest request {load.longest:.1f} s, {len(load.acknowledged)} writes\n")
    assert load.refused == []
    assert load.acknowledged
    assert load.acknowledged <= list_config_maps(cluster, prefix)


def has_rotation(cluster: Cluster) -> bool:
    """Whether a rotation of the authorities has begun and is not over."""
    return (cluster.lab.inventory / "artifacts/pki/rotation").exists()


def kill_at_random(cluster: Cluster, *command: str, seed: int) -> list[float]:
    """Start the command again and again, and kill it after a random time. Return the times of the kills.

    A rotation that is over when its kprov is killed is not begun again: that would be another one.
    """
    chosen = random.Random(seed)
    times = []
    for _ in range(KILLS):
        rotates = has_rotation(cluster)
        process = subprocess.Popen(
            [KPROV, *command, "-i", str(cluster.lab.inventory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds = round(chosen.uniform(2, 30), 1)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            times.append(seconds)
            if rotates and not has_rotation(cluster):
                break
        else:
            break
    return times


def test_the_encryption_key_is_replaced_under_load(cluster: Cluster) -> None:
    where = ("-i", cluster.lab.inventory)
    cluster.kubectl("create", "secret", "generic", "before-rotation", "--from-literal=x=y")
    before = json.loads(cluster.lab.kprov("secrets", "status", *where, "-o", "json").stdout)
    starts = count_starts(cluster.lab)
    with ClientLoad(cluster.kubeconfig, "load-key") as load:
        cluster.lab.kprov("secrets", "rotate-key", *where)
    check_load(cluster, load, "load-key")
    # Once for each phase that changes the keys: add, use, drop.
    assert count_new_starts(cluster.lab, starts) == {
        host: {"kube-apiserver": 3} for host in cluster.lab.hosts
    }
    after = json.loads(cluster.lab.kprov("secrets", "status", *where, "-o", "json").stdout)
    assert after["keys"] != before["keys"]
    assert list(after["values"]) == after["keys"]
    secret = cluster.get("secret", "before-rotation")
    assert secret["data"] == {"x": "eQ=="}


def test_tokens_of_the_old_key_stay_valid(cluster: Cluster) -> None:
    where = ("-i", cluster.lab.inventory)
    old = cluster.kubectl("create", "token", "default", "--duration=1h").strip()
    starts = count_starts(cluster.lab)
    cluster.lab.kprov("secrets", "rotate-service-account-key", *where)
    # API servers first accept the new key, then sign with it, which the controller managers do, too.
    once = {"kube-apiserver": 2, "kube-controller-manager": 1}
    assert count_new_starts(cluster.lab, starts) == dict.fromkeys(cluster.lab.hosts, once)
    new = cluster.kubectl("create", "token", "default", "--duration=1h").strip()

    def ask(token: str) -> list[int]:
        authority = cluster.lab.inventory / "artifacts/pki/ca.crt"
        return [
            api_connection.ask_with_token(cluster.lab.address(host), authority, token, "/api")[0]
            for host in cluster.lab.hosts
        ]

    assert ask(old) == ask(new) == [200] * len(cluster.lab.hosts)
    assert old.split(".")[0] != new.split(".")[0]
    cluster.lab.kprov("secrets", "rotate-service-account-key", "--drop-old", "--yes", *where)
    assert ask(old) == [401] * len(cluster.lab.hosts)
    assert ask(new) == [200] * len(cluster.lab.hosts)


@pytest.mark.parametrize("seed", [1])
def test_the_authorities_are_replaced_under_load_by_a_kprov_that_is_killed(
    cluster: Cluster, tmp_path: Path, seed: int
) -> None:
    old = tmp_path / "old.conf"
    shutil.copy(cluster.kubeconfig, old)
    where = ("-i", cluster.lab.inventory)
    with ClientLoad(old, "load-old") as load:
        killed = kill_at_random(cluster, "certs", "rotate-ca", "--keep-old", "--yes", seed=seed)
        cluster.lab.kprov("certs", "rotate-ca", "--keep-old", "--yes", *where)
    sys.stdout.write(f"killed after {killed} s\n")
    check_load(cluster, load, "load-old")
    between = tmp_path / "between.conf"
    shutil.copy(cluster.kubeconfig, between)
    with ClientLoad(between, "load-new") as load:
        killed = kill_at_random(cluster, "certs", "rotate-ca", "--yes", seed=seed + 100)
        if has_rotation(cluster):
            cluster.lab.kprov("certs", "rotate-ca", "--yes", *where)
    sys.stdout.write(f"killed after {killed} s\n")
    check_load(cluster, load, "load-new")
    connection = http.client.HTTPSConnection(
        *api_connection.address(old), context=api_connection.tls_context(old), timeout=30
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/api")
    cluster.lab.kprov("certs", "compare", *where)
    eventually(
        "the cluster is healthy",
        lambda: cluster.lab.kprov("verify", *where, check=False).returncode == 0,
        timeout=300,
    )
