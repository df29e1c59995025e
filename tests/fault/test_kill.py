"""A few of the kills of `python -m tests.fault.kill`, each kind of victim once; KPROV_FAULT_SEED gives other moments."""

from __future__ import annotations

import os

from tests.fault import kill
from tests.fault.hosts import Hosts


def test_whatever_is_killed_the_next_run_converges(hosts: Hosts) -> None:
    seed = int(os.environ.get("KPROV_FAULT_SEED", "1"))
    kill.length(hosts, 1)
    seconds = kill.length(hosts, 2)
    wrong = []
    for stamp, one in enumerate(kill.rounds(seed, len(kill.VICTIMS), seconds), 3):
        outcome = kill.do(hosts, one, stamp)
        print(f"seed {seed}, {one}: exit {outcome.hit}, then {outcome.second}")
        wrong += [f"{one}: {line}" for line in outcome.wrong]
    assert not wrong, "\n".join(wrong)
