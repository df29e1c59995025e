"""The kubelet's program: `python -m kprov.kube.kubelet`."""

import os
import sys

from kprov.kube.component_base import logs, run
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.kubelet.config import options


def main() -> int:
    try:
        config = options.parse()
    except ConfigError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    # What is made for pods is read by users who are not root; secrets get narrower modes where they are made.
    os.umask(0o022)
    logs.setup(config.verbosity, "kubelet")
    from kprov.kube.kubelet.app import serve

    return run.main(lambda stop: serve(config, stop))


if __name__ == "__main__":
    sys.exit(main())
