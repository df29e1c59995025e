"""Several API servers over one etcd, for the files of this folder that ask for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.apiserver.servers import ApiServer, Etcd, several

SERVERS = 3
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def over_one_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, list[ApiServer]]]:
    """Node ports and addresses are few, so that what is freed is given again soon."""
    few = ("--service-node-port-range=30000-30039", "--disable-admission-plugins=ServiceAccount")
    with several(tmp_path_factory.mktemp("several"), SERVERS, *few) as found:
        yield found


@pytest.fixture
def servers(over_one_etcd: tuple[Etcd, list[ApiServer]]) -> list[ApiServer]:
    return over_one_etcd[1]


@pytest.fixture
def etcd(over_one_etcd: tuple[Etcd, list[ApiServer]]) -> Etcd:
    return over_one_etcd[0]


@pytest.fixture
def namespace(servers: list[ApiServer]) -> str:
    """A new namespace's name."""
    name = f"many-{next(_NUMBERS)}"
    made = servers[0].post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made.body
    return name
