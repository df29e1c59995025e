"""cri-docker: the program."""

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.cri_docker import app, options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "cri-docker")
    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
