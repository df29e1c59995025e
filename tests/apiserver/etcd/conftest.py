"""One cluster and two API servers for all tests of the folder; each leaves them whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.etcd.cluster import Cluster, Front, front

FLAGS = (
    "--disable-admission-plugins=ServiceAccount",
    "--etcd-compaction-interval=0",
    "--event-ttl=3s",
)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("etcd-cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def fronts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Front]]:
    folder = tmp_path_factory.mktemp("fronts")
    with front(cluster, folder / "one", *FLAGS) as one, front(cluster, folder / "two", *FLAGS) as two:
        yield [one, two]
