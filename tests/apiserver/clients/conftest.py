"""Several API servers over one etcd, and one server with controllers for kubectl."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.apiserver.clients.kubectl import Kubectl, new_namespace
from tests.apiserver.controllers import governed_server
from tests.apiserver.servers import ApiServer, Etcd, several

SERVERS = 3
_CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "deployment-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "endpointslice-controller",
)
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


@pytest.fixture(scope="session")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with all admission, and controllers that kubectl's commands wait for."""
    with governed_server(tmp_path_factory.mktemp("kubectl"), *_CONTROLLERS) as found:
        yield found


@pytest.fixture
def kubectl(governed: ApiServer) -> Kubectl:
    """In a namespace of its own."""
    return new_namespace(governed)
