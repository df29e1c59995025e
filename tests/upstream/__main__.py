"""python -m tests.upstream [--all] [CASE...]: run cases and print what differs; --all prints accepted differences too."""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path

from tests.upstream.differences import obsolete, unexplained
from tests.upstream.pair import started_pair
from tests.upstream.steps import cases


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", help="names or shell patterns; default: all")
    parser.add_argument("--all", action="store_true", help="print accepted differences too")
    options = parser.parse_args()
    chosen = [
        case
        for case in cases()
        if not options.case or any(fnmatchcase(case.name, pattern) for pattern in options.case)
    ]
    seen, remaining, ran = [], 0, []
    for flags, group in itertools.groupby(
        sorted(chosen, key=lambda case: case.flags), lambda case: case.flags
    ):
        with tempfile.TemporaryDirectory() as folder, started_pair(Path(folder), flags) as pair:
            for case in group:
                begin = time.monotonic()
                found = pair.run(case)
                shown = found if options.all else unexplained(found)
                print(*shown, sep="\n")
                seconds = time.monotonic() - begin
                print(f"== {case.name}: {len(case.steps)} requests, {len(found)} differences,", end=" ")
                print(f"{len(unexplained(found))} of them unexplained, {seconds:.1f} s", flush=True)
                seen += found
                remaining += len(unexplained(found))
                ran.append(case.name)
    for reason in obsolete(seen, ran):
        print("obsolete:", reason)
    return 1 if remaining else 0


if __name__ == "__main__":
    raise SystemExit(main())
