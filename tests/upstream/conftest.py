"""One pair of servers for each set of flags, and the differences of the whole run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.upstream.compare import Difference
from tests.upstream.pair import UPSTREAM, Pair, started_pair

PairOf = Callable[[tuple[str, ...]], Pair]
#: The differences of each case that has run.
Found = dict[str, list[Difference]]


@pytest.fixture(scope="session")
def pair_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairOf]:
    if not os.environ.get(UPSTREAM):
        pytest.skip(f"{UPSTREAM} is not set: give the path of upstream's kube-apiserver 1.36 to compare with")
    pairs: dict[tuple[str, ...], Pair] = {}
    with ExitStack() as stack:

        def start(flags: tuple[str, ...]) -> Pair:
            if flags not in pairs:
                folder = tmp_path_factory.mktemp("pair")
                pairs[flags] = stack.enter_context(started_pair(folder, flags))
            return pairs[flags]

        yield start


@pytest.fixture(scope="session")
def found() -> Found:
    return {}
