"""cri-docker as a program of this machine, for a Docker Engine of the tests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.apiserver.servers import free_port
from tests.cri.docker_engine import DockerEngine
from tests.lab.networks import find_subnet

BRIDGE = "kprov-cri0"
PLUGIN_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")
IMAGE = "kprov.test/busybox:1"
PAUSE = "kprov.test/pause:1"
#: The shell is process 1, which ignores SIGTERM without a trap.
PAUSE_COMMAND = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done")


@dataclass(frozen=True)
class Runtime:
    """endpoint: of CRI. engine: None if the tests have not started it. pid: of cri-docker, 0 for another."""

    endpoint: str
    image: str
    engine: DockerEngine | None = None
    pid: int = 0


def write_network(folder: Path) -> None:
    """Write the network's configuration below a folder."""
    configuration = folder / "net.d"
    configuration.mkdir()
    network = {
        "cniVersion": "0.4.0",
        "name": "kprov-cri",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipam": {"type": "host-local", "subnet": find_subnet("cri"), "dataDir": f"{folder}/ipam"},
            }
        ],
    }
    (configuration / "10-test.conflist").write_text(json.dumps(network), encoding="utf-8")


@contextlib.contextmanager
def start_cri_docker(engine: DockerEngine, name: str) -> Iterator[Runtime]:
    """Start it, and end it without an error. name: of its socket and log. It has the engine's folder for its state."""
    folder = engine.folder
    socket, log = folder / f"{name}.sock", folder / f"{name}.log"
    command = [
        sys.executable, "-m", "kprov.kube.cri_docker", f"--container-runtime-endpoint=unix://{socket}",
        f"--docker-endpoint=unix://{engine.socket}", f"--pod-infra-container-image={PAUSE}",
        f"--cni-conf-dir={folder}/net.d", f"--cni-bin-dir={','.join(PLUGIN_FOLDERS)}",
        f"--cri-dockerd-root-directory={folder}/state", f"--healthz-bind-address=127.0.0.1:{free_port()}", "--v=4", *_restrict_oom_score(),
    ]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(command, stderr=file)
    try:
        deadline = time.monotonic() + 30
        while not socket.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Runtime(f"unix://{socket}", IMAGE, engine, process.pid)
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-3000:]
        assert not socket.exists()
    assert "Traceback" not in log.read_text(), log.read_text()[-5000:]


def _restrict_oom_score() -> list[str]:
    """Return the flag for a machine without CAP_SYS_RESOURCE, such as a container."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    capabilities = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    return [] if capabilities & 1 << 24 else ["--restrict-oom-score-adj"]
