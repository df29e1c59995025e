"""Two hosts for the faults, shared; every test puts back what it broke, also when it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault import hosts as lab
from tests.fault.hosts import Hosts

#: Files in the order in which they run.
ORDER = ("test_secrets", "test_disks", "test_clock", "test_ways", "test_waits", "test_kill")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is lab tests."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.lab)
    rank = {name: index for index, name in enumerate(ORDER)}
    mine.sort(key=lambda item: rank.get(item.path.stem, 0))
    items[:] = [item for item in items if item not in mine] + mine


@pytest.fixture(scope="session")
def shared_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Hosts made from nothing, also over what an earlier, killed run left behind."""
    if os.geteuid() != 0:
        pytest.fail("lab tests make hosts on this machine and need root")
    # For work on the tests themselves: the hosts stay.
    keep = os.environ.get("KPROV_KEEP_FAULT_LAB")
    if not keep:
        lab.down()
    found = lab.up(Path(keep) if keep else tmp_path_factory.mktemp("fault") / "inventory")
    try:
        yield found
    finally:
        if not keep:
            lab.down()


@pytest.fixture
def hosts(shared_hosts: Hosts) -> Hosts:
    """The hosts, whole: a test that left one switched off has not put it back."""
    for host in lab.HOSTS:
        assert shared_hosts.inside(host, "echo here").strip() == "here"
    return shared_hosts


#: Runs a script on a host, and another one when the test is over.
Break = Callable[[str, str, str], None]


@pytest.fixture
def broken(hosts: Hosts, request: pytest.FixtureRequest) -> Break:
    """`broken(host, script, mending)`: the mending script runs at the end, whatever happens."""

    def breaks(host: str, script: str, mending: str) -> None:
        request.addfinalizer(lambda: hosts.inside(host, mending, check=False))
        hosts.inside(host, script, timeout=180)

    return breaks
