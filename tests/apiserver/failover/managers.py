"""Two controller managers with leader election, each with an API server of its own over the same etcd.

The audit log of a server shows what its manager did.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer, Etcd, another, pem
from tests.apiserver.supervised import SupervisedProgram

LEASE: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
LEASE_SECONDS: Final = 5
_ELECTION: Final = (
    f"--leader-elect-lease-duration={LEASE_SECONDS}s",
    "--leader-elect-renew-deadline=4s",
    "--leader-elect-retry-period=500ms",
)
_START_SECONDS: Final = 90.0
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


class Manager(SupervisedProgram):
    """A controller manager that is a candidate for the lease."""

    def __init__(self, server: ApiServer, flags: Sequence[str], launcher: Sequence[str] = ()) -> None:
        """launcher: goes before the command of the manager."""
        command = [
            *launcher,
            *(sys.executable, "-m", "kprov.kube.controller_manager"),
            *("--secure-port=0", "--use-service-account-credentials"),
            f"--kubeconfig={kubeconfig(server, 'manager-token')}",
            *_ELECTION,
            *flags,
        ]
        super().__init__(command, server.folder / "controllers.log")
        self.server = server

    def has_led(self, number: int, identity: str) -> bool:
        """Whether the process of that number took the lease with that identity."""
        return any(
            f" {number} " in line and f" as {identity}" in line for line in self.log.read_text().splitlines()
        )


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
def manager_pair(folder: Path, *flags: str, launchers: Sequence[Sequence[str]] = ((), ())) -> Iterator[Pair]:
    """Two servers over one etcd, two managers. flags: of the managers. launchers: see `Manager`, of each."""
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
                    # One file: a hundred rounds write more than the default size.
                    "--audit-log-maxsize=0",
                )
            )
            for number in range(2)
        ]
        key = folder / "signer.key"
        key.write_bytes(pem(servers[0].authority._key))
        signer = [
            f"--cluster-signing-cert-file={servers[0].authority.file}",
            f"--cluster-signing-key-file={key}",
            f"--root-ca-file={servers[0].authority.file}",
            f"--service-account-private-key-file={servers[0].folder / 'sa.key'}",
        ]
        managers = []
        for server, launcher in zip(servers, launchers, strict=True):
            managers.append(Manager(server, [*signer, *flags], launcher))
            stack.callback(managers[-1].stop)
        yield Pair((managers[0], managers[1]))
