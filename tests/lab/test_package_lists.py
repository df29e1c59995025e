"""A host whose image was built lately, with its package lists removed."""

from __future__ import annotations

from tests.lab.conftest import Lab

PACKAGE = "hello"


def test_a_package_is_installed_though_the_lists_are_fresh_and_empty(lab: Lab) -> None:
    lab.ssh(
        "node1",
        "rm -rf /var/lib/apt/lists/* && mkdir -p /var/lib/apt/periodic && touch /var/lib/apt/lists "
        "/var/lib/apt/periodic/update-success-stamp",
    )
    arguments = f"name={PACKAGE} update_cache=true cache_valid_time=86400"
    run = ("run", "node1", "-i", lab.inventory, "-m", "apt", "-a")
    try:
        lab.kprov(*run, arguments)
        assert "installed" in lab.ssh("node1", f"dpkg-query --show --showformat='${{Status}}' {PACKAGE}")
    finally:
        lab.kprov(*run, f"name={PACKAGE} state=absent purge=true")
