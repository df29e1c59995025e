"""A client that writes through an operation, and knows which writes the API server acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

from tests.lab import api_connection

_PATH = "/api/v1/namespaces/default/configmaps"
_LABEL = "kprov-test-writer"
#: Seconds for one answer, for one about all objects, and between two tries.
_LIMIT = 5
_LONG_LIMIT = 300
_PAUSE = 0.05


class PersistentWriter(threading.Thread):
    """Creates one ConfigMap after the other; repeats a write until it is acknowledged.

    `acknowledged` has the names of those that the server confirmed, `failures` the reasons of the others,
    `gaps` the times of more than a second without an acknowledged write.
    """

    def __init__(self, name: str, kubeconfig: Path) -> None:
        super().__init__(daemon=True)
        self.prefix = name
        self.acknowledged: list[str] = []
        self.failures: list[str] = []
        self.longest_gap = 0.0
        self.gaps: list[str] = []
        self._address = api_connection.address(kubeconfig)
        self._context = api_connection.tls_context(kubeconfig)
        self._connection: http.client.HTTPSConnection | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        """Write until `finish`."""
        last = time.monotonic()
        while not self._ended.wait(_PAUSE):
            name = f"{self.prefix}-{len(self.acknowledged):06d}"
            try:
                status, text = self._request("POST", _PATH, render_config_map(name))
            except (OSError, http.client.HTTPException) as error:
                status, text = 0, f"{type(error).__name__}: {error}"
                self._drop_connection()
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - last)
            # 409: an earlier try was stored, although its answer did not arrive.
            if status in (http.HTTPStatus.CREATED, http.HTTPStatus.CONFLICT):
                self.acknowledged.append(name)
                if now - last > 1:
                    self.gaps.append(f"{now - last:.1f} s until {time.strftime('%T')}")
                last = now
            else:
                self.failures.append(f"{status} {text[:200]}")

    def finish(self) -> None:
        """Stop writing."""
        self._ended.set()
        self.join()
        self._drop_connection()

    def find_lost(self) -> list[str]:
        """Return the acknowledged writes that the cluster does not have, or whose content differs."""
        status, text = self._request_all("GET")
        assert status == http.HTTPStatus.OK, text
        stored = {item["metadata"]["name"]: item["data"] for item in json.loads(text)["items"]}
        return [name for name in self.acknowledged if stored.get(name) != render_config_map(name)["data"]]

    def delete_all(self) -> None:
        """Delete the ConfigMaps of all writers."""
        status, text = self._request_all("DELETE")
        assert status == http.HTTPStatus.OK, text

    def _request_all(self, method: str) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(*self._address, timeout=_LONG_LIMIT, context=self._context)
        try:
            connection.request(method, f"{_PATH}?labelSelector={_LABEL}")
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                *self._address, timeout=_LIMIT, context=self._context
            )
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self._connection.getresponse()
        return response.status, response.read().decode()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def render_config_map(name: str) -> dict[str, Any]:
    """Return the ConfigMap of a write."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {_LABEL: "yes"}},
        "data": {"name": name, "padding": "x" * 500},
    }
