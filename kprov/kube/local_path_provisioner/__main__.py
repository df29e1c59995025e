"""local-path-provisioner: the program."""

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.local_path_provisioner import app, options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "local-path-provisioner")
    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
