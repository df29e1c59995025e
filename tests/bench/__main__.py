"""`python -m tests.bench [NAME...]`: all benchmarks, or those named.

`python -m tests.bench scheduler [OPTION...]` has options: --help shows them.
"""

from __future__ import annotations

import os
import signal
import sys

from tests.bench import (
    apiserver,
    controllers,
    controllers_lists,
    copying,
    custom_resources,
    http_parsing,
    provision,
    scheduler,
)

BENCHMARKS = {
    "provision": provision.small,
    "delay": provision.delayed,
    "many": provision.many,
    "copy": copying.copying,
    "http": http_parsing.parsing,
    "apiserver": apiserver.figures,
    "apiserver_scale": apiserver.scale,
    "custom_objects": custom_resources.objects,
    "custom_definitions": custom_resources.definitions,
    "scheduler": scheduler.compare,
    "controllers": controllers.figures,
}
#: Parts of benchmarks, which run only by name.
PARTS = {
    "controllers_memory": controllers.memory,
    "controllers_workloads": controllers.workloads,
    "controllers_curve": controllers.curve,
    "controllers_lists": controllers_lists.show_lists,
}


def main(names: list[str]) -> None:
    # The end by `timeout` removes servers and their files, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Installed programs have compiled modules. Without them each start compiles all of kprov.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if names[:1] == ["scheduler"] and len(names) > 1 and names[1].startswith("-"):
        scheduler.compare(names[1:])
        return
    known = BENCHMARKS | PARTS
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    for name in names or BENCHMARKS:
        print(f"== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
        known[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
