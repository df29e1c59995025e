"""`python -m tests.bench [NAME...]`: all benchmarks, or those named."""

from __future__ import annotations

import os
import sys

from tests.bench import apiserver, copying, http_parsing, provision

BENCHMARKS = {
    "provision": provision.small,
    "delay": provision.delayed,
    "many": provision.many,
    "copy": copying.copying,
    "http": http_parsing.parsing,
    "apiserver": apiserver.figures,
    "apiserver_scale": apiserver.scale,
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        print(f"== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
        BENCHMARKS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
