"""Clients of the controllers: one identity for all, or a service account for each of them.

Source: upstream createClientBuilders of cmd/kube-controller-manager/app/controllermanager.go.
"""

import platform
from collections.abc import Callable
from typing import Final

from kprov.kube.client import RestClient
from kprov.kube.component_base.options import VERSION
from kprov.kube.controller_manager.framework.service_account_token import NAMESPACE, ServiceAccountToken

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def make_user_agent() -> str:
    """As client-go's: program, version and system. Clients append their name."""
    machine = platform.machine()
    system = f"linux/{_ARCHITECTURES.get(machine, machine)}"
    return f"kube-controller-manager/{VERSION} ({system}) kubernetes/kprov"


class ClientBuilder:
    """Makes clients by name. root: the identity of the kubeconfig, which runs informers and gets tokens.

    unidentified: a client without credentials, for requests with tokens of service accounts. None: all
    controllers use the identity of root.
    """

    def __init__(self, root: RestClient, unidentified: RestClient | None = None) -> None:
        self._root = root
        self._unidentified = unidentified

    def guard_changes(self, get_seconds_left: Callable[[], float]) -> None:
        """Let clients that are made from now on send changes only while this process leads."""
        self._root = self._root.guard_changes(get_seconds_left)
        if self._unidentified is not None:
            self._unidentified = self._unidentified.guard_changes(get_seconds_left)

    def make_root_client(self, name: str) -> RestClient:
        """Return a client with the identity of the kubeconfig; its user agent has the name."""
        return self._root.derive(f"{make_user_agent()}/{name}")

    def make_client(self, account: str) -> RestClient:
        """Return the client of the controller with that service account."""
        if self._unidentified is None:
            return self.make_root_client(account)
        user = f"system:serviceaccount:{NAMESPACE}:{account}"
        return self._unidentified.derive(
            f"{make_user_agent()}/{user}", ServiceAccountToken(self._root, account)
        )
