"""Two controller managers with leader election, each with an API server of its own over the same etcd.

The audit log of a server shows what its manager did.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer, Etcd, another, pem

LEASE: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
LEASE_SECONDS: Final = 5
_ELECTION: Final = (
    f"--leader-elect-lease-duration={LEASE_SECONDS}s",
    "--leader-elect-renew-deadline=4s",
    "--leader-elect-retry-period=500ms",
)
_START_SECONDS: Final = 90.0
_RESTART_SECONDS: Final = 0.2
#: What both servers have in common. Only changes are of interest.
_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
        {"level": "Metadata"},
    ],
}


class Manager:
    """A controller manager that is a candidate for the lease. As under systemd, it starts again after its end."""

    def __init__(self, server: ApiServer, flags: Sequence[str]) -> None:
        self.server = server
        self._command = [
            *(sys.executable, "-m", "kprov.kube.controller_manager"),
            *("--secure-port=0", "--use-service-account-credentials"),
            f"--kubeconfig={kubeconfig(server, 'manager-token')}",
            *_ELECTION,
            *flags,
        ]
        self._stopping = threading.Event()
        self._process = self._start()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor")
        self._supervisor.start()

    @property
    def log(self) -> Path:
        return self.server.folder / "controllers.log"

    @property
    def number(self) -> int:
        """Of the current process."""
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def suspend(self) -> int:
        """Returns the number of the process, for ``resume``."""
        self._process.send_signal(signal.SIGSTOP)
        return self._process.pid

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._stopping.set()
        self.kill()
        self._supervisor.join(20)

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log)

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()


@dataclass(frozen=True)
class Pair:
    """Both managers. The first server is also the one of the tests."""

    managers: tuple[Manager, Manager]

    @property
    def server(self) -> ApiServer:
        return self.managers[0].server

    def get_holder(self) -> str:
        """The identity in the lease. "": nobody holds it."""
        answer = self.server.get(LEASE)
        return str(answer.json["spec"].get("holderIdentity", "")) if answer.status == 200 else ""

    def find_leader(self) -> Manager:
        """The manager whose log has the identity in the lease. It may have lost the lease meanwhile."""

        def find() -> Manager | None:
            holder = self.get_holder()
            if not holder:
                return None
            text = f" as {holder}"
            return next((each for each in self.managers if text in each.log.read_text()), None)

        found: Manager = eventually(find, _START_SECONDS)
        return found

    def get_other(self, manager: Manager) -> Manager:
        first, second = self.managers
        return second if manager is first else first

    def wait_for_new_holder(self, old: str) -> str:
        """The identity of another holder than the old one."""

        def find() -> str:
            holder = self.get_holder()
            return "" if holder == old else holder

        return str(eventually(find, _START_SECONDS))


@contextlib.contextmanager
def manager_pair(folder: Path, *flags: str) -> Iterator[Pair]:
    """Two servers over one etcd, two managers. flags: of the managers."""
    policy = folder / "policy.yaml"
    policy.write_text(json.dumps(_POLICY))
    with contextlib.ExitStack() as stack:
        etcd = Etcd(folder)
        stack.callback(etcd.stop)
        servers = [
            stack.enter_context(
                another(
                    folder / f"server{number}",
                    etcd,
                    f"--audit-policy-file={policy}",
                    f"--audit-log-path={folder / f'server{number}.audit'}",
                )
            )
            for number in range(2)
        ]
        key = folder / "signer.key"
        key.write_bytes(pem(servers[0].authority._key))
        signer = [
            f"--cluster-signing-cert-file={servers[0].authority.file}",
            f"--cluster-signing-key-file={key}",
        ]
        managers = []
        for server in servers:
            managers.append(Manager(server, [*signer, *flags]))
            stack.callback(managers[-1].stop)
        yield Pair((managers[0], managers[1]))
