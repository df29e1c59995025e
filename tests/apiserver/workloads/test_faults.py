"""Controllers that lose their watches, get refusals, or are killed: they finish, and do nothing twice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.controllers import controllers
from tests.apiserver.fake_kubelet import FakeKubelet, fake_kubelet
from tests.apiserver.faulty_proxy import NO_FAULT, Fault, FaultyProxy, faulty_proxy
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.jobs import build_job, check_released, find_condition, list_pods

_JOBS: Final = [f"job-{number}" for number in range(8)]
_PODS: Final = 5
_CODES: Final = (409, 429, 500, 503)
_KILLS: Final = 4


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, FakeKubelet]]:
    """A server without controllers."""
    folder = tmp_path_factory.mktemp("faults")
    with (
        running(folder, "--disable-admission-plugins=ServiceAccount") as (_, server),
        fake_kubelet(server) as kubelet,
    ):
        yield server, kubelet


def make_home(cluster: tuple[ApiServer, FakeKubelet], name: str) -> Home:
    ok(cluster[0], "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Home(*cluster, name)


def create_jobs(home: Home) -> None:
    """Half of them indexed."""
    for number, name in enumerate(_JOBS):
        spec: JsonObject = {"completions": _PODS, "parallelism": 3}
        if number % 2:
            spec["completionMode"] = "Indexed"
        home.create("jobs", build_job(name, command="exit 0", **spec))


def are_complete(home: Home) -> bool:
    return all(find_condition(job["status"], "Complete") for job in home.list("jobs"))


def check_exact(home: Home) -> None:
    """Each job has exactly its pods, each counted once and without finalizer."""
    for job in home.list("jobs"):
        name, status = job["metadata"]["name"], job["status"]
        assert (status["succeeded"], status.get("failed", 0)) == (_PODS, 0), name
        assert len(list_pods(home, name)) == _PODS, name
        check_released(home, name)


def wait_for_pods(home: Home, count: int) -> None:
    eventually(lambda: len(home.list("pods")) >= count)


def refuse_some(proxy: FaultyProxy) -> None:
    """Refuse every fifth write, with each code in turn."""
    writes, codes = itertools.count(1), itertools.cycle(_CODES)

    def choose(method: str, path: str) -> Fault:
        if method == "GET" or path.endswith("/events"):
            return NO_FAULT
        return Fault(next(codes)) if next(writes) % 5 == 0 else NO_FAULT

    proxy.choose_fault = choose


def test_refusals_and_lost_watches_lose_no_pod(cluster: tuple[ApiServer, FakeKubelet]) -> None:
    home = make_home(cluster, "refusals")
    with faulty_proxy(home.server) as proxy, controllers(home.server, "job-controller", url=proxy.url):
        refuse_some(proxy)
        create_jobs(home)

        def look() -> bool:
            proxy.drop_watches()
            time.sleep(1)
            return are_complete(home)

        eventually(look, 120)
        assert set(proxy.refused) == set(_CODES)
        assert proxy.cut_watches > 1
        check_exact(home)


def test_a_killed_controller_manager_leaves_work_that_the_next_one_finishes(
    cluster: tuple[ApiServer, FakeKubelet],
) -> None:
    home = make_home(cluster, "kills")
    create_jobs(home)
    for number in range(_KILLS):
        with controllers(home.server, "job-controller") as process:
            # Each time in another part of the work, which goes on in between.
            wait_for_pods(home, (number + 1) * len(_JOBS) * _PODS // (_KILLS + 1))
            process.kill()
    with controllers(home.server, "job-controller"):
        eventually(lambda: are_complete(home), 60)
        check_exact(home)
