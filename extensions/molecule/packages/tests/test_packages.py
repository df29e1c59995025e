"""A package's service does not start with it."""

from __future__ import annotations

from testinfra.host import Host


def test_the_service_of_the_package_is_not_started(host: Host) -> None:
    assert host.file("/usr/lib/systemd/system/haproxy.service").exists
    assert not host.service("haproxy").is_running
