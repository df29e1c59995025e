"""Kills one of {kprov, agent, sshd, host} at a random moment of a run, and looks whether the next one converges.

`python -m tests.fault.kill --rounds 50 --seed 1` is the whole of it: docs/decisions/007-faults.md has its figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.fault import hosts as lab
from tests.fault import work
from tests.fault.hosts import HOSTS, Hosts
from tests.lab.conftest import KPROV

#: Who is killed. `kprov` by SIGKILL, `ctrl-c` is kprov by SIGINT.
VICTIMS = ("kprov", "ctrl-c", "agent", "sshd session", "sshd", "host")
#: Seconds after which a run that has lost something must have ended.
ENDS = 150
_KILLS = {
    "agent": "pkill -KILL -f '[K]PROV1'",
    "sshd session": "pkill -KILL -f '^sshd-session: '",
    "sshd": "pkill -KILL -f '^sshd'",
}


@dataclass(frozen=True)
class Round:
    """One kill: of whom, on which host, after how many seconds of the run, and what comes after it."""

    number: int
    victim: str
    host: str
    moment: float
    again: str

    def __str__(self) -> str:
        where = "" if self.victim in ("kprov", "ctrl-c") else f" of {self.host}"
        return (
            f"round {self.number}: {self.victim}{where} killed after {self.moment:.2f} s, then {self.again}"
        )


@dataclass(frozen=True)
class Outcome:
    """How a round went: exit codes of the run that was hit and of the next one, its seconds, what is wrong."""

    hit: int
    second: int
    seconds: float
    wrong: list[str]


def rounds(seed: int, count: int, length: float) -> list[Round]:
    """`count` rounds by a seed; every kind of victim as often as the others. `length`: seconds of a run."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        victim = VICTIMS[number % len(VICTIMS)]
        moment = chance.uniform(0.2, 0.95 * length)
        found.append(
            Round(number + 1, victim, chance.choice(HOSTS), moment, chance.choice(("resume", "play")))
        )
    return found


def play(hosts: Hosts, report: Path | None = None) -> subprocess.Popen[str]:
    """The work, begun."""
    more = ["--report", str(report)] if report else []
    command = [str(KPROV), "play", str(work.PLAYBOOK), "-i", str(hosts.inventory), "--verbose", *more]
    return _begun(command)


def resume(hosts: Hosts, report: Path) -> subprocess.Popen[str]:
    """The last run, gone on with."""
    return _begun([str(KPROV), "resume", "-i", str(hosts.inventory), "--verbose", "--report", str(report)])


def _begun(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip


def do(hosts: Hosts, one: Round, stamp: int) -> Outcome:
    """One round, with another stamp than the last."""
    work.prepare(hosts, stamp)
    wrong: list[str] = []
    running = play(hosts)
    time.sleep(one.moment)
    _kill(hosts, one, running)
    killed = time.monotonic()
    try:
        said, _ = running.communicate(timeout=ENDS)
    except subprocess.TimeoutExpired:
        running.kill()
        said, _ = running.communicate()
        wrong.append(f"kprov had not ended {ENDS} s after the kill")
    if one.victim == "host":
        hosts.start(one.host)
    if "Traceback" in said:
        wrong.append("kprov ended with a traceback")
    report = hosts.made / "report.json"
    report.unlink(missing_ok=True)
    # A run that lost nothing in the end has nothing to go on with.
    goes_on = one.again == "resume" and running.returncode != 0
    second = (resume if goes_on else play)(hosts, report)
    said_next, _ = second.communicate(timeout=ENDS)
    if goes_on and second.returncode == 2 and "nothing to continue" in said_next:
        # Killed before the run had begun: the newest journal is that of an earlier one.
        second = play(hosts, report)
        said_next += second.communicate(timeout=ENDS)[0]
    seconds = time.monotonic() - killed
    if second.returncode:
        wrong.append(f"the next run ended with {second.returncode}")
    wrong += _settled(hosts, stamp)
    third = play(hosts, report)
    said_third, _ = third.communicate(timeout=ENDS)
    changed = json.loads(report.read_text())["changed"] if third.returncode == 0 else -1
    if changed:
        wrong.append(f"a third run ended with {third.returncode} and changed {changed}")
    wrong += work.journals(hosts)
    if wrong:
        wrong += ["", "FIRST", said, "SECOND", said_next, "THIRD", said_third]
    return Outcome(running.returncode, second.returncode, seconds, wrong)


def _kill(hosts: Hosts, one: Round, running: subprocess.Popen[str]) -> None:
    if one.victim == "kprov":
        running.kill()
    elif one.victim == "ctrl-c":
        running.send_signal(signal.SIGINT)
    elif one.victim == "host":
        hosts.kill(one.host)
    else:
        hosts.inside(one.host, _KILLS[one.victim], check=False)


def _settled(hosts: Hosts, stamp: int) -> list[str]:
    """What is wrong on the hosts, given the seconds that agents and units have to end or start."""
    until = time.monotonic() + work.AGENT_ENDS
    while True:
        wrong = work.problems(hosts, stamp)
        for host in HOSTS:
            wrong += [f"{host}: an agent still runs: {line}" for line in hosts.agents(host).splitlines()]
        if not wrong or time.monotonic() > until:
            return wrong
        time.sleep(1)


def length(hosts: Hosts, stamp: int) -> float:
    """Seconds of an undisturbed run that has everything to do."""
    work.prepare(hosts, stamp)
    start = time.monotonic()
    running = play(hosts)
    said, _ = running.communicate(timeout=600)
    if running.returncode:
        raise RuntimeError(said)
    return time.monotonic() - start


def main() -> int:
    """All rounds; exit code 1 when one did not converge."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault.kill")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--victim", choices=VICTIMS)
    parser.add_argument("--inventory", type=Path)
    given = parser.parse_args()
    # A shell that starts this in the background has it ignored, and kprov would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bad = 0
    tally: Counter[tuple[str, int]] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        hosts = lab.up(given.inventory or Path(temporary) / "inventory")
        try:
            length(hosts, 1)
            seconds = length(hosts, 2)
            print(f"seed {given.seed}, a run takes {seconds:.1f} s", flush=True)
            todo = rounds(given.seed, given.rounds, seconds)
            for stamp, one in enumerate((r for r in todo if given.victim in (None, r.victim)), 3):
                outcome = do(hosts, one, stamp)
                tally[one.victim, outcome.hit] += 1
                bad += bool(outcome.wrong)
                verdict = "NOT CONVERGED" if outcome.wrong else "converged"
                codes = f"exit {outcome.hit}, then {outcome.second}"
                print(f"{one}: {codes}, {outcome.seconds:.1f} s: {verdict}", flush=True)
                for line in outcome.wrong:
                    print(f"    {line}", flush=True)
        finally:
            if given.inventory is None:
                lab.down()
    for (victim, code), count in sorted(tally.items()):
        print(f"{victim}: exit {code}: {count} times")
    print(f"{given.rounds} rounds, {bad} did not converge")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
