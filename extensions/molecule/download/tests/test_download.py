"""The operator's cache has each archive with its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from testinfra.host import Host

SUMS = {
    "etcd": "etcd_binary_checksums",
    "containerd": "containerd_archive_checksums",
    "runc": "runc_checksums",
    "cni_plugins": "cni_binary_checksums",
    "kubectl": "kubectl_checksums",
}


def test_the_cache_has_each_archive_with_its_checksum(host: Host) -> None:
    variables = host.ansible.get_variables()
    cache = Path(str(variables["download_cache_dir"]))
    expected = {name: _only_value(variables[sums]) for name, sums in SUMS.items()}
    found = {
        path.name.split("-", 1)[0]: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.iterdir()
    }
    assert found == expected


def _only_value(sums: dict[str, dict[str, str]]) -> str:
    (versions,) = sums.values()
    (digest,) = versions.values()
    return digest
