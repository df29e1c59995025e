"""cluster-dns: the program."""

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.dns import app, options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "cluster-dns")
    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
