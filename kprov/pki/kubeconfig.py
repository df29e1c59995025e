"""Renders kubeconfigs: for a host's components with paths of files, for the administrator with contents.

Source: the kubeconfig format, client.authentication v1 (k8s.io/client-go/tools/clientcmd/api/v1).
"""

from __future__ import annotations

import base64
from typing import Any

import yaml

from kprov.pki.request import PkiHost, PkiRequest

Document = dict[str, Any]

# The kubeconfig and the name of its certificate, by component.
CONTROL_PLANE = {"controller-manager": "controller-manager", "scheduler": "scheduler"}
NODE = {
    "kubelet": "kubelet-client",
    "kube-proxy": "kube-proxy",
    "cluster-dns": "cluster-dns",
    "pod-network": "pod-network",
    "local-path-provisioner": "local-path-provisioner",
}
#: The cluster's authority on nodes, for components that run as root without the right to read others' files.
NODE_AUTHORITY = "node-ca.crt"


def render_for_host(request: PkiRequest, host: PkiHost) -> dict[str, bytes]:
    """Render a host's kubeconfigs by file name; they use the host's own load balancer."""
    pki = request.cert_dir
    kubeconfigs: dict[str, tuple[str, str]] = {}
    # Components of the control plane are another user's than those of nodes.
    if "control_plane" in host.roles:
        kubeconfigs |= {name: (certificate, "ca.crt") for name, certificate in CONTROL_PLANE.items()}
    if "node" in host.roles:
        kubeconfigs |= {name: (certificate, NODE_AUTHORITY) for name, certificate in NODE.items()}
    return {
        f"{name}.conf": render_document(
            _make_document(
                request,
                user=name,
                server=f"https://127.0.0.1:{request.api_port}",
                cluster={"certificate-authority": f"{pki}/{authority}"},
                credentials={
                    "client-certificate": f"{pki}/{certificate}.crt",
                    "client-key": f"{pki}/{certificate}.key",
                },
            )
        )
        for name, (certificate, authority) in kubeconfigs.items()
    }


def render_for_admin(request: PkiRequest, *, authority: bytes, certificate: bytes, key: bytes) -> bytes:
    """Render the administrator's kubeconfig with the PEM contents, which grants all rights."""
    return render_document(
        make_user_document(
            request, user="kubernetes-admin", authority=authority, certificate=certificate, key=key
        )
    )


def make_user_document(
    request: PkiRequest, *, user: str, authority: bytes, certificate: bytes, key: bytes
) -> Document:
    """Make a user's kubeconfig with the PEM contents, for the address of the API outside the cluster."""
    address = request.api_address
    host = f"[{address}]" if ":" in address else address
    return _make_document(
        request,
        user=user,
        server=f"https://{host}:{request.api_port}",
        cluster={"certificate-authority-data": _encode_base64(authority)},
        credentials={
            "client-certificate-data": _encode_base64(certificate),
            "client-key-data": _encode_base64(key),
        },
    )


def rename_entries(document: Document, name: str) -> Document:
    """Return a kubeconfig whose cluster, user and context have the names NAME, USER@NAME and USER@NAME."""
    cluster, user = document["clusters"][0], document["users"][0]
    known_as = f"{user['name']}@{name}"
    return {
        **document,
        "clusters": [{**cluster, "name": name}],
        "users": [{**user, "name": known_as}],
        "contexts": [{"name": known_as, "context": {"cluster": name, "user": known_as}}],
        "current-context": known_as,
    }


def render_document(document: Document) -> bytes:
    """Render a kubeconfig as YAML."""
    return yaml.safe_dump(document, sort_keys=False, width=1_000_000).encode()


def _make_document(
    request: PkiRequest, *, user: str, server: str, cluster: dict[str, str], credentials: dict[str, str]
) -> Document:
    name = request.cluster_name
    context = f"{user}@{name}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {**cluster, "server": server}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": context, "context": {"cluster": name, "user": user}}],
        "current-context": context,
    }


def _encode_base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
