"""apt installs from the export's repository alone."""

from __future__ import annotations

from testinfra.host import Host


def test_apt_has_packages_of_the_repository_only(host: Host) -> None:
    policy = host.check_output("apt-cache policy containerd haproxy")
    sources = {row.split()[1] for row in policy.splitlines() if row.split()[:1] == ["500"]}
    assert sources
    assert all(source.startswith("file:/opt/kprov/apt/") for source in sources)
