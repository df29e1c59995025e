"""What the reset leaves: no unit, no file of the cluster."""

from __future__ import annotations

import os

from testinfra.host import Host

from kprov.testing import check_host


def test_no_unit_of_the_cluster_is_left(host: Host) -> None:
    units = check_host(host, inventory=os.environ["KPROV_MOLECULE_INVENTORY"], checks=["units/*"])
    assert [unit.detail for unit in units if unit.ok] == []
    assert {unit.detail for unit in units} == {"unit is not-found, expected loaded"}


def test_no_folder_of_the_cluster_is_left(host: Host) -> None:
    for folder in ("/etc/kubernetes", "/etc/etcd", "/etc/haproxy", "/opt/kprov"):
        assert not host.file(folder).exists, folder
