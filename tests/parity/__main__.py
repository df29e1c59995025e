"""`python -m tests.parity -i INVENTORY [NAME...]`: play cases of the corpus on twin hosts and say what differs."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path

from tests.parity import cluster, corpus, differences
from tests.parity.play import play
from tests.parity.twins import twins


def main() -> int:
    """0 when nothing differs that differences.yml does not explain."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="names or patterns of cases; default: all")
    parser.add_argument(
        "-i", "--inventory", type=Path, required=True, help="a lab's inventory with two hosts"
    )
    parser.add_argument("--keep", type=Path, help="keep records and logs in this folder")
    parser.add_argument(
        "--replay",
        action="store_true",
        help="with --keep: do not play again with Ansible what did not change",
    )
    parser.add_argument("--run", action="append", choices=corpus.RUNS, help="only these runs")
    given = parser.parse_args()
    wanted = [
        case
        for case in (*corpus.cases(), *cluster.CASES)
        if not given.names or any(fnmatchcase(case.name, f"{name}*") for name in given.names)
    ]
    if not wanted:
        parser.error("no such case")
    with tempfile.TemporaryDirectory() as folder:
        pair = twins(given.inventory, given.keep or Path(folder), replay=given.replay)
        bad = 0
        try:
            if cluster.CASES[0] in wanted:
                cluster.prepare(pair)
            for case in wanted:
                start = time.monotonic()
                chosen = tuple(run for run in case.runs if not given.run or run in given.run)
                found = play(dataclasses.replace(case, runs=chosen), pair)
                new = differences.unknown(found)
                bad += len(new)
                sys.stdout.write(
                    f"{case.name}: {len(new)} differences, {len(found) - len(new)} known"
                    f" ({time.monotonic() - start:.1f} s)\n" + "".join(f"  {one}\n" for one in new)
                )
                sys.stdout.flush()
        finally:
            for twin in pair:
                twin.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
