"""kube-scheduler as a process, beside the API servers of servers.py."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import WITH_US, ApiServer
from tests.apiserver.supervised import SupervisedProgram

#: Names another scheduler to test, such as upstream's: it shows which tests ask for more than it does.
TESTED: Final = "KPROV_TEST_SCHEDULER"
#: With this flag the log says what the scheduler knew when it chose a node.
LOG_DECISIONS: Final = "--v=4"
PROGRAM: Final = tuple(os.environ.get(TESTED, f"{sys.executable} -m kprov.kube.scheduler").split())


def write_configuration(server: ApiServer, *, name: str = "scheduler", url: str = "", **fields: Any) -> Path:
    """A KubeSchedulerConfiguration file with these fields. url: of a proxy in front of the server."""
    path = server.folder / f"{name}.yaml"
    document = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig(server, url=url, name=name))},
        "leaderElection": {"leaderElect": False},
    }
    path.write_text(json.dumps(document | fields))
    return path


def start_candidate(server: ApiServer, name: str, url: str, **fields: Any) -> SupervisedProgram:
    """A scheduler with leader election that starts again after its end. url: of a proxy."""
    election = {
        "leaderElect": True,
        "leaseDuration": "5s",
        "renewDeadline": "4s",
        "retryPeriod": "500ms",
    }
    path = write_configuration(server, name=name, url=url, leaderElection=election, **fields)
    command = [*PROGRAM, f"--config={path}", "--secure-port=0", LOG_DECISIONS]
    return SupervisedProgram(command, server.folder / f"{name}.log")


@contextlib.contextmanager
def scheduler(
    server: ApiServer,
    *,
    port: int = 0,
    program: Sequence[str] = (),
    flags: Sequence[str] = (),
    **fields: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a scheduler. port: of its metrics. program: instead of the tested one. fields: of its configuration."""
    command = [
        *WITH_US,
        *(program or PROGRAM),
        f"--config={write_configuration(server, **fields)}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        *flags,
    ]
    with (server.folder / "scheduler.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
