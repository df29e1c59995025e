"""kube-controller-manager."""

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.controller_manager import options as flags


def main() -> int:
    options = flags.parse()
    logs.setup(options.v, "kube-controller-manager")
    from kprov.kube.controller_manager import app

    return run.main(lambda stop: app.run(options, stop))


if __name__ == "__main__":
    sys.exit(main())
