"""One server for all entries; each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import governed_server
from tests.apiserver.servers import ApiServer, Etcd, running

_NUMBERS = itertools.count()
_CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "resourcequota-controller",
    "deployment-controller",
    "disruption-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "statefulset-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "validatingadmissionpolicy-status-controller",
    "endpointslice-mirroring-controller",
    "persistentvolume-binder-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
)


@pytest.fixture(scope="session")
def over_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, ApiServer]]:
    with running(
        tmp_path_factory.mktemp("conformance"), "--disable-admission-plugins=ServiceAccount"
    ) as found:
        yield found


@pytest.fixture(scope="session")
def server(over_etcd: tuple[Etcd, ApiServer]) -> ApiServer:
    return over_etcd[1]


@pytest.fixture(scope="session")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with all admission, and the controllers that the entries need."""
    with governed_server(tmp_path_factory.mktemp("governed"), *_CONTROLLERS) as found:
        yield found


@pytest.fixture
def namespace(server: ApiServer) -> str:
    """A new namespace's name."""
    return _new(server)


@pytest.fixture
def home(governed: ApiServer) -> str:
    """A new namespace of the governed server, with its default account."""
    name = _new(governed)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: governed.get(account).status == 200)
    return name


def _new(server: ApiServer) -> str:
    name = f"entry-{next(_NUMBERS)}"
    made = server.post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made.body
    return name
