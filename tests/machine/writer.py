"""A client that creates ConfigMaps until the API server is gone, and keeps the names that were acknowledged."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from pathlib import Path

from tests.lab.api_connection import tls_context

_CREATED = 201
_PATH = "/api/v1/namespaces/default/configmaps"
_LABEL = "kprov-test-writer"
#: Seconds for one answer.
_LIMIT = 120


class Writer(threading.Thread):
    """Creates one ConfigMap after the other. `acknowledged` has the names of those that the server confirmed."""

    def __init__(self, name: str, port: int, kubeconfig: Path) -> None:
        super().__init__(daemon=True)
        self.prefix = name
        self.acknowledged: list[str] = []
        self.end_reason = ""
        self._connection = _connect(port, kubeconfig)

    def run(self) -> None:
        """Write until a write is not acknowledged."""
        number = 0
        while not self.end_reason:
            name = f"{self.prefix}-{number:05d}"
            try:
                status, text = self._create(name)
            except (OSError, http.client.HTTPException) as error:
                self.end_reason = str(error) or type(error).__name__
            else:
                if status == _CREATED:
                    self.acknowledged.append(name)
                else:
                    self.end_reason = f"status {status}: {text[:300]}"
            number += 1
        self._connection.close()

    def _create(self, name: str) -> tuple[int, str]:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {_LABEL: "yes"}},
            "data": {"name": name, "padding": "x" * 1000},
        }
        self._connection.request("POST", _PATH, json.dumps(body), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        return response.status, response.read().decode()


def read_names(port: int, kubeconfig: Path) -> set[str]:
    """Return the names of the ConfigMaps of all writers whose data is complete."""
    connection = _connect(port, kubeconfig)
    try:
        connection.request("GET", f"{_PATH}?labelSelector={_LABEL}")
        response = connection.getresponse()
        document = json.loads(response.read())
    finally:
        connection.close()
    assert response.status == 200, document
    return {
        item["metadata"]["name"]
        for item in document["items"]
        if item["data"] == {"name": item["metadata"]["name"], "padding": "x" * 1000}
    }


def _connect(port: int, kubeconfig: Path) -> http.client.HTTPSConnection:
    context: ssl.SSLContext = tls_context(kubeconfig)
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=_LIMIT)
