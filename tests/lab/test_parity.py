"""The same hosts, either way: every playbook of tests/parity/corpus with kprov on one host and ansible-playbook on its twin.

Two pairs of twins, so that two playbooks are played at once; a test waits for its own.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.conftest import KPROV, run
from tests.parity import corpus, differences
from tests.parity.compare import Difference
from tests.parity.corpus import Case
from tests.parity.play import play
from tests.parity.twins import Twin, twins

LAB = "parity"
SUBNET = "10.69.0.0/24"
PAIRS = 2


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Twin, Twin]]]:
    """Hosts made from nothing, two by two."""
    folder = tmp_path_factory.mktemp("parity")
    run(KPROV, "lab", "down", "--name", LAB, check=False)
    run(
        *(KPROV, "lab", "up", "--name", LAB, "--subnet", SUBNET),
        *("--hosts", str(2 * PAIRS), "--inventory", folder / "inventory"),
    )
    made: list[tuple[Twin, Twin]] = []
    try:
        made += [
            twins(folder / "inventory", folder / str(number), first=2 * number) for number in range(PAIRS)
        ]
        yield made
    finally:
        for pair in made:
            for twin in pair:
                twin.close()
        run(KPROV, "lab", "down", "--name", LAB)


@pytest.fixture(scope="module")
def outcomes(
    pairs: list[tuple[Twin, Twin]], request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[list[Difference]]]]:
    """The differences of every case that this run of pytest has selected, as they become known."""
    free: queue.SimpleQueue[tuple[Twin, Twin]] = queue.SimpleQueue()
    for pair in pairs:
        free.put(pair)

    def one(case: Case) -> list[Difference]:
        pair = free.get()
        try:
            return play(case, pair)
        finally:
            free.put(pair)

    here = [item for item in request.session.items if isinstance(item, pytest.Function)]
    given = [item.callspec.params.get("case") for item in here if item.path == Path(__file__)]
    wanted = [case for case in given if isinstance(case, Case)]
    with ThreadPoolExecutor(len(pairs)) as pool:
        yield {case.name: pool.submit(one, case) for case in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", corpus.cases(), ids=lambda case: case.name)
def test_a_playbook_means_the_same_to_both(case: Case, outcomes: dict[str, Future[list[Difference]]]) -> None:
    found = differences.unknown(outcomes[case.name].result(timeout=300))
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)
