"""kube-apiserver: python -m kprov.kube.apiserver."""

import asyncio
import sys

from kprov.kube.apiserver import options as flags
from kprov.kube.component_base import logs, run


def main() -> int:
    """Parse flags and serve until a signal; return the exit code."""
    options = flags.parse()
    logs.setup(options.v, "kube-apiserver")

    async def serve(stop: asyncio.Event) -> int:
        from kprov.kube.apiserver import app
        from kprov.kube.apiserver.server import workers

        if workers.is_secondary():
            workers.end_with_parent()

        return await app.serve(options, stop)

    return run.main(serve)


if __name__ == "__main__":
    sys.exit(main())
