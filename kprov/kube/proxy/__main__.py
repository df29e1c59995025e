"""kube-proxy: the program."""

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.proxy import app, options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "kube-proxy")
    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
