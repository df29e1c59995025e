"""TLS to the cluster's API as its administrator, for clients that speak to it without kubectl."""

from __future__ import annotations

import http.client
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from kprov.kube.client import kubeconfig


def address(config: Path) -> tuple[str, int]:
    """The API's host and port in a kubeconfig."""
    url = urlsplit(kubeconfig.load(config).server)
    return url.hostname or "", url.port or 443


def tls_context(config: Path) -> ssl.SSLContext:
    """TLS with the kubeconfig's authority and client certificate."""
    found = kubeconfig.load(config)
    context = ssl.create_default_context(cadata=found.ca_data.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(found.cert_data + b"\n" + found.key_data)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def ask_with_token(host: str, authority: Path, token: str, path: str, body: str = "") -> tuple[int, str]:
    """Status and text of a request to the API server of a host, with a bearer token; a POST if it has a body."""
    context = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection(host, 6443, timeout=30, context=context)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST" if body else "GET", path, body or None, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
