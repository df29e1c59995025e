"""A controller manager as a process, with what it uses of the machine."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import WITH_US, ApiServer

#: At most so much of a core, over so many seconds, in a row: it has settled.
_IDLE_PART: Final = 0.08
_IDLE_SECONDS: Final = 4.0
_IDLE_TIMES: Final = 2
_LONGEST_SECONDS: Final = 600.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Manager:
    """Figures of a running process."""

    def __init__(self, process: int) -> None:
        self.process = process

    @property
    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self, field: str = "VmRSS") -> float:
        """VmRSS, the resident memory, or VmHWM, its peak."""
        text = Path(f"/proc/{self.process}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+)", text)
        assert found is not None
        return int(found[1]) / 1024

    def settle(self) -> float:
        """Wait until it works no more. Returns its CPU time so far."""
        end = time.monotonic() + _LONGEST_SECONDS
        idle = 0
        before = self.cpu
        while idle < _IDLE_TIMES:
            if time.monotonic() > end:
                raise SystemExit("the controller manager does not settle")
            time.sleep(_IDLE_SECONDS)
            now = self.cpu
            idle = idle + 1 if now - before < _IDLE_PART * _IDLE_SECONDS else 0
            before = now
        return before


@contextlib.contextmanager
def manager(server: ApiServer, program: str | None) -> Iterator[Manager]:
    """All controllers that are on by default. program: another one than ours.

    The rate limit of the client is out of the way, and nodes stay ready without a kubelet.
    """
    authority = server.authority.issue("signing", "signing")
    command = [
        *WITH_US,
        *((program,) if program else (sys.executable, "-m", "kprov.kube.controller_manager")),
        f"--kubeconfig={kubeconfig(server, 'manager-token')}",
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials",
        f"--root-ca-file={server.authority.file}",
        f"--service-account-private-key-file={server.folder / 'sa.key'}",
        f"--cluster-signing-cert-file={authority[0]}",
        f"--cluster-signing-key-file={authority[1]}",
        "--node-monitor-grace-period=24h",
        "--kube-api-qps=5000",
        "--kube-api-burst=5000",
    ]
    with (server.folder / "manager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Manager(process.pid)
        if process.poll() is not None:
            raise SystemExit((server.folder / "manager.log").read_text(errors="replace")[-2000:])
    finally:
        process.terminate()
        process.wait(30)
