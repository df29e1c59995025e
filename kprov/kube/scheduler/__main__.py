"""kube-scheduler: the program."""

from __future__ import annotations

import sys

from kprov.kube.component_base import logs, run
from kprov.kube.component_base.system_authorities import skip_system_authorities
from kprov.kube.scheduler import options


def main() -> int:
    parsed = options.parse()
    logs.setup(parsed.verbosity, "kube-scheduler")
    # Clients of the API server and of extenders make their own TLS contexts.
    with skip_system_authorities():
        from kprov.kube.scheduler import app
    return run.main(lambda stop: app.serve(parsed, stop))


if __name__ == "__main__":
    sys.exit(main())
