"""Whether the API answers, asked all the time."""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path

from tests.lab import api_connection

_EVERY = 0.25
_ANSWER_SECONDS = 1.0


class Prober(threading.Thread):
    """Asks for a namespace four times a second, on a new connection each time, and keeps the longest gap.

    A client in this process: to start kubectl on a machine that is busy with the fault would count as a gap.
    """

    def __init__(self, config: Path) -> None:
        super().__init__(daemon=True)
        self._address = api_connection.address(config)
        self._context = api_connection.tls_context(config)
        self._ended = threading.Event()
        self.answers = 0
        self.longest_gap = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(_EVERY):
            answered = self._ask()
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - last)
            if answered:
                self.answers += 1
                last = now

    def _ask(self) -> bool:
        connection = http.client.HTTPSConnection(
            *self._address, timeout=_ANSWER_SECONDS, context=self._context
        )
        try:
            connection.request("GET", "/api/v1/namespaces/default")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def finish(self) -> float:
        """Longest gap in seconds."""
        self._ended.set()
        self.join()
        return self.longest_gap
