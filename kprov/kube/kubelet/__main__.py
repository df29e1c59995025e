"""The kubelet's program: `python -m kprov.kube.kubelet`."""

import os
import sys

from kprov.kube.component_base import logs, run
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.kubelet.config import flags


def main() -> int:
    try:
        config = flags.parse()
    except ConfigError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    # Users other than root read the files of pods. Secrets get narrower modes when they are written.
    os.umask(0o022)
    logs.setup(config.verbosity, "kubelet")
    from kprov.kube.kubelet.app import serve

    return run.main(lambda stop: serve(config, stop))


if __name__ == "__main__":
    sys.exit(main())
