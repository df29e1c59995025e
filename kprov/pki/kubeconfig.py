"""Renders kubeconfigs: for a host's components with paths of files, for the administrator with contents.

Source: the kubeconfig format, client.authentication v1 (k8s.io/client-go/tools/clientcmd/api/v1).
"""

from __future__ import annotations

import base64
from typing import Any

import yaml

from kprov.contract.components.table import list_components
from kprov.pki.request import PkiHost, PkiRequest

Document = dict[str, Any]

#: libyaml's dumper is seven times as fast, and writes the same bytes.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def render_for_host(request: PkiRequest, host: PkiHost) -> dict[str, bytes]:
    """Render a host's kubeconfigs by file name; they use the host's own load balancer."""
    pki = request.cert_dir
    kubeconfigs = [
        component.kubeconfig
        for component in list_components()
        if component.kubeconfig is not None and component.belongs_to(host.groups)
    ]
    return {
        f"{kubeconfig.file}.conf": render_document(
            _make_document(
                request,
                user=kubeconfig.file,
                server=f"https://127.0.0.1:{request.api_port}",
                cluster={"certificate-authority": f"{pki}/{kubeconfig.authority}"},
                credentials={
                    "client-certificate": f"{pki}/{kubeconfig.certificate}.crt",
                    "client-key": f"{pki}/{kubeconfig.certificate}.key",
                },
            )
        )
        for kubeconfig in kubeconfigs
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
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000_000)
    return text.encode()


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
