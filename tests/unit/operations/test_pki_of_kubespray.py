"""What certificates need of an inventory of kubespray's shape."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import open_cluster
from kprov.operations.preparation import make_pki_request

SAMPLE = Path(__file__).parents[1] / "inventory" / "data" / "kubespray"


def test_its_variables_are_those_of_the_certificates() -> None:
    with open_cluster(SAMPLE) as cluster:
        request = make_pki_request(cluster)
    assert request.cert_dir == "/etc/kubernetes/ssl"
    assert "api.example.net" in request.extra_sans
    assert {host.name: host.addresses for host in request.hosts}["cp1"] == ("10.9.0.11",)
    assert request.hosts[-1].addresses == ("10.9.0.22",)


def test_a_host_that_has_only_a_name_is_refused_with_its_place(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    hosts = tmp_path / "sample" / "inventory.ini"
    hosts.write_text(re.sub(r"worker\[1:2\].*", "worker1", hosts.read_text()))
    with open_cluster(tmp_path / "sample") as cluster, pytest.raises(InputError) as refused:
        make_pki_request(cluster)
    assert (
        "inventory.ini:11: ip: 'worker1' is a name, and the cluster needs the IP address of worker1"
        in str(refused.value)
    )
