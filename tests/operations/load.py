"""The load under which operations run: a writer whose acknowledged writes must survive, and the API's gap."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path

from tests.lab import api_connection
from tests.lab.prober import Prober

_PATH = "/api/v1/namespaces/default/configmaps"
_LABEL = "kprov-test-load"
_ANSWER_SECONDS = 5.0
#: Seconds between two writes: the load must not be what makes the machine slow.
_INTERVAL = 0.05


class Writer(threading.Thread):
    """Creates ConfigMaps one after the other, and continues after an error.

    `acknowledged` has the names that the server confirmed; `longest_gap` is the longest time in seconds
    between two confirmations.
    """

    def __init__(self, config: Path, prefix: str) -> None:
        super().__init__(daemon=True)
        self._address = api_connection.address(config)
        self._context = api_connection.tls_context(config)
        self._prefix = prefix
        self._ended = threading.Event()
        self.acknowledged: list[str] = []
        self.errors: list[str] = []
        self.longest_gap = 0.0

    def run(self) -> None:
        """Write until `finish`."""
        connection = self._connect()
        last = time.monotonic()
        number = 0
        while not self._ended.wait(_INTERVAL):
            name = f"{self._prefix}-{number:06d}"
            number += 1
            try:
                status = self._create(connection, name)
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"{name}: {error or type(error).__name__}")
                connection.close()
                connection = self._connect()
                status = 0
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - last)
            if status == http.HTTPStatus.CREATED:
                self.acknowledged.append(name)
                last = now
            elif status:
                self.errors.append(f"{name}: status {status}")
        connection.close()

    def finish(self) -> None:
        """End the writer."""
        self._ended.set()
        self.join()

    def find_lost(self) -> set[str]:
        """Return the acknowledged names that the API does not have with their data."""
        connection = self._connect()
        try:
            connection.request("GET", f"{_PATH}?labelSelector={_LABEL}")
            response = connection.getresponse()
            document = json.loads(response.read())
        finally:
            connection.close()
        assert response.status == http.HTTPStatus.OK, document
        complete = {
            item["metadata"]["name"]
            for item in document["items"]
            if item["data"].get("name") == item["metadata"]["name"]
        }
        return set(self.acknowledged) - complete

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(*self._address, timeout=_ANSWER_SECONDS, context=self._context)

    def _create(self, connection: http.client.HTTPSConnection, name: str) -> int:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {_LABEL: "yes"}},
            "data": {"name": name, "padding": "x" * 500},
        }
        connection.request("POST", _PATH, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status


class Load:
    """A writer and a prober that run together."""

    def __init__(self, config: Path, prefix: str) -> None:
        self.writer = Writer(config, prefix)
        self.prober = Prober(config)

    def start(self) -> None:
        """Start both."""
        self.writer.start()
        self.prober.start()

    def finish(self) -> str:
        """End both and return a line about them. Fails if an acknowledged write is lost."""
        gap = self.prober.finish()
        self.writer.finish()
        lost = self.writer.find_lost()
        assert not lost, f"acknowledged writes are lost: {sorted(lost)[:10]}"
        assert self.writer.acknowledged, self.writer.errors[:5]
        return (
            f"{len(self.writer.acknowledged)} writes, none lost; longest gap of reads {gap:.1f} s, of writes "
            f"{self.writer.longest_gap:.1f} s; {len(self.writer.errors)} writes failed"
        )
