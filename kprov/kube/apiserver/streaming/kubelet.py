"""The addresses of kubelets and the TLS context for connections to them.

Source: upstream pkg/kubelet/client/kubelet_client.go (GetConnectionInfo, transportConfig).
"""

from __future__ import annotations

import ssl
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.streaming import backend_address
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

DEFAULT_PORT: Final = 10250
_WEBSOCKETS: Final = "ExtendWebSocketsToKubelet"


@dataclass(frozen=True, slots=True)
class KubeletAddress:
    """A kubelet's host and port. websockets: whether it supports WebSockets."""

    host: str
    port: int
    websockets: bool = False


class Kubelets:
    """Connections to kubelets, with --kubelet-client-certificate and --kubelet-certificate-authority."""

    def __init__(self, options: Namespace, registry: Registry) -> None:
        self._types = tuple(options.kubelet_preferred_address_types)
        self._certificate = options.kubelet_client_certificate
        self._key = options.kubelet_client_key
        self._authority = options.kubelet_certificate_authority
        self._registry = registry
        self._contexts: dict[bool, tuple[tuple[int, ...], ssl.SSLContext]] = {}
        self.load_context()

    def find_address(self, node_name: str, asked: Resource | None = None) -> KubeletAddress:
        """Return the address of a node's kubelet. Raise InternalError without an address.

        asked: the resource in the NotFound for a missing node; as upstream, that of the pod's request.
        """
        store = self._registry.store("", "nodes")
        node = store.lister.get("", node_name)
        if node is None:
            raise status.not_found(asked or store.resource, node_name)
        return parse_address(node, self._types)

    def load_context(self, *, verify: bool = True) -> ssl.SSLContext:
        """TLS for kubelets, reloaded when a file changes. Without an authority it verifies nothing."""
        stamps = tuple(
            Path(name).stat().st_mtime_ns for name in (self._certificate, self._key, self._authority) if name
        )
        kept = self._contexts.get(verify)
        if kept is not None and kept[0] == stamps:
            return kept[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if verify and self._authority:
            context.load_verify_locations(self._authority)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._certificate and self._key:
            context.load_cert_chain(self._certificate, self._key)
        self._contexts[verify] = stamps, context
        return context


def parse_address(node: JsonObject, types: Sequence[str]) -> KubeletAddress:
    """Return the address of the first type that the node has.

    Raise InternalError for none or an invalid one.
    """
    node_status = node.get("status") or {}
    addresses = node_status.get("addresses") or ()
    endpoint = (node_status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    port = endpoint.get("Port") or DEFAULT_PORT
    websockets = _WEBSOCKETS in (node_status.get("declaredFeatures") or ())
    for wanted in types:
        for node_address in addresses:
            if node_address.get("type") == wanted and node_address.get("address"):
                _check_address(node_address["address"], port)
                return KubeletAddress(node_address["address"], port, websockets)
    known = " ".join(
        f"{{{known_address.get('type', '')} {known_address.get('address', '')}}}"
        for known_address in addresses
    )
    raise status.failure(500, "", f"no preferred addresses found; known addresses: [{known}]")


def _check_address(host: str, port: int) -> None:
    """Raise InternalError for a status that would make another URL than that of a kubelet."""
    if not backend_address.is_host(host):
        raise status.failure(500, "", f"invalid address of the node: {status.quoted(host)}")
    if problem := backend_address.find_port_problem(str(port)):
        raise status.failure(500, "", problem)


def build_unverified_context() -> ssl.SSLContext:
    """Return a TLS context for pods and services, which does not verify, as upstream's proxy transport."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
