"""The same hosts, either way: kprov on one host, ansible-playbook on its twin; the playbooks of tests/parity/corpus and all roles.

Two pairs of twins, so that two playbooks are played at once; a test waits for its own.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from _pytest.mark.structures import ParameterSet

from tests.lab.conftest import KPROV, run
from tests.lab.networks import find_subnet
from tests.parity import cluster, corpus, differences
from tests.parity.compare import Difference
from tests.parity.corpus import Case
from tests.parity.play import play
from tests.parity.twins import Twin, twins

LAB = os.environ.get("KPROV_PARITY_LAB", "parity")
SUBNET = find_subnet("parity")
PAIRS = 2

Pair = tuple[Twin, Twin]
#: A case's name > the differences of its group; the roles are one group, any other case is one of its own.
Outcomes = dict[str, Future[dict[str, list[Difference]]]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Pair]]:
    """Hosts made from nothing, two by two."""
    folder = tmp_path_factory.mktemp("parity")
    run(KPROV, "lab", "down", "--name", LAB, check=False)
    run(
        *(KPROV, "lab", "up", "--name", LAB, "--subnet", SUBNET),
        *("--hosts", str(2 * PAIRS), "--inventory", folder / "inventory"),
    )
    made: list[Pair] = []
    try:
        made.extend(
            twins(folder / "inventory", folder / str(number), first=2 * number) for number in range(PAIRS)
        )
        yield made
    finally:
        for pair in made:
            for twin in pair:
                twin.close()
        run(KPROV, "lab", "down", "--name", LAB)


@pytest.fixture(scope="module")
def outcomes(pairs: list[Pair], request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """The differences of every case that this run of pytest has selected, as they become known."""
    free: queue.SimpleQueue[Pair] = queue.SimpleQueue()
    for pair in pairs:
        free.put(pair)

    def group(cases: list[Case], *, whole_cluster: bool = False) -> dict[str, list[Difference]]:
        pair = free.get()
        try:
            if whole_cluster:
                cluster.prepare(pair)
            found = {case.name: play(case, pair) for case in cases}
            if whole_cluster:
                cluster.tidy(pair)
            return found
        finally:
            free.put(pair)

    wanted = _selected(request.session)
    roles = [case for case in cluster.CASES if case in wanted]
    with ThreadPoolExecutor(len(pairs)) as pool:
        together = pool.submit(group, roles, whole_cluster=True) if roles else None
        yield {
            case.name: together if together and case in roles else pool.submit(group, [case])
            for case in wanted
        }
        pool.shutdown(cancel_futures=True)


def _selected(session: pytest.Session) -> list[Case]:
    here = [item for item in session.items if isinstance(item, pytest.Function)]
    given = [item.callspec.params.get("case") for item in here if item.path == Path(__file__)]
    return [case for case in given if isinstance(case, Case)]


def _check(case: Case, outcomes: Outcomes, *, minutes: float) -> None:
    found = differences.unknown(outcomes[case.name].result(timeout=60 * minutes)[case.name])
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


#: One of so many cases is part of `make test`: each costs ten seconds of CPU, most of them ansible-playbook's.
_SHARE = 5


def _marked(cases: list[Case]) -> list[ParameterSet]:
    """Cases, those of open.yml as expected to differ; they may agree on a lucky run."""
    known: dict[str, str] = yaml.safe_load((corpus.FOLDER.parent / "open.yml").read_text()) or {}
    parameters = []
    for number, case in enumerate(cases):
        marks = [] if number % _SHARE == 0 else [pytest.mark.nightly]
        if case.name in known:
            marks.append(pytest.mark.xfail(reason=known[case.name], strict=False))
        parameters.append(pytest.param(case, id=case.name, marks=marks))
    return parameters


ALL = os.environ.get("KPROV_PARITY") == "all"
CASES = corpus.cases() if ALL else [case.quick for case in corpus.cases() if not case.slow]


@pytest.mark.parametrize("case", _marked(CASES))
def test_a_playbook_means_the_same_to_both(case: Case, outcomes: Outcomes) -> None:
    _check(case, outcomes, minutes=10)


@pytest.mark.parametrize("case", cluster.CASES if ALL else [], ids=lambda case: case.name)
def test_the_roles_make_the_same_hosts(case: Case, outcomes: Outcomes) -> None:
    _check(case, outcomes, minutes=20)
