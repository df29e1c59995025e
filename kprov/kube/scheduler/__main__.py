"""kube-scheduler: the program."""

from __future__ import annotations

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.scheduler import options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "kube-scheduler")
    from kprov.kube.scheduler import app

    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
