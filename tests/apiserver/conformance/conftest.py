"""One server for all entries; each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.apiserver.servers import ApiServer, Etcd, running

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def over_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, ApiServer]]:
    with running(
        tmp_path_factory.mktemp("conformance"), "--disable-admission-plugins=ServiceAccount"
    ) as found:
        yield found


@pytest.fixture(scope="session")
def server(over_etcd: tuple[Etcd, ApiServer]) -> ApiServer:
    return over_etcd[1]


@pytest.fixture
def namespace(server: ApiServer) -> str:
    """A new namespace's name."""
    name = f"entry-{next(_NUMBERS)}"
    made = server.post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made.body
    return name
