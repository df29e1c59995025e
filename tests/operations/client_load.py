"""Clients that read and write all the time while an operation runs, and keep every refused request."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import api_connection

_LIMIT = 60
_PAUSE = 0.3
_OK = (http.HTTPStatus.OK, http.HTTPStatus.CREATED)
#: What a client sees if the server has closed a kept connection before the request. It then opens another one.
_CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class _Client(threading.Thread):
    def __init__(self, kubeconfig: Path, *, keeps: bool, writes: str) -> None:
        super().__init__(daemon=True)
        self._address = api_connection.address(kubeconfig)
        self._context = api_connection.tls_context(kubeconfig)
        self._keeps = keeps
        self._writes = writes
        self._connection: http.client.HTTPSConnection | None = None
        self.ended = threading.Event()
        self.refused: list[str] = []
        self.acknowledged: list[str] = []
        self.answers = 0
        self.longest = 0.0

    def run(self) -> None:
        number = 0
        while not self.ended.wait(_PAUSE):
            name = f"{self._writes}-{number:05d}"
            number += 1
            began = time.monotonic()
            try:
                status, text = self._send(name)
            except (OSError, http.client.HTTPException) as error:
                self._close()
                self.refused.append(f"{time.strftime('%T')} {type(error).__name__}: {error}")
                continue
            self.longest = max(self.longest, time.monotonic() - began)
            if status in _OK:
                self.answers += 1
                self.acknowledged.append(name)
            else:
                self.refused.append(f"{time.strftime('%T')} {status}: {text[:200]}")
        self._close()

    def _send(self, name: str) -> tuple[int, str]:
        kept = self._connection is not None
        try:
            return self._try(name)
        except (*_CLOSED, ssl.SSLEOFError):
            self._close()
            if not kept:
                raise
            status, text = self._try(name)
            # The first try may have had effect.
            return (http.HTTPStatus.OK, text) if status == http.HTTPStatus.CONFLICT else (status, text)

    def _try(self, name: str) -> tuple[int, str]:
        if self._connection is None or not self._keeps:
            self._close()
            self._connection = http.client.HTTPSConnection(
                *self._address, timeout=_LIMIT, context=self._context
            )
        if self._writes:
            body = json.dumps({"metadata": {"name": name}, "data": {"name": name}})
            kind = {"Content-Type": "application/json"}
            self._connection.request("POST", "/api/v1/namespaces/default/configmaps", body, kind)
        else:
            self._connection.request("GET", "/api/v1/namespaces/default")
        response = self._connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ClientLoad:
    """Two readers, on new connections and on a kept one, and a writer. Use it as a context manager."""

    def __init__(self, kubeconfig: Path, name: str) -> None:
        self._writer = _Client(kubeconfig, keeps=True, writes=name)
        self._clients = [
            _Client(kubeconfig, keeps=False, writes=""),
            _Client(kubeconfig, keeps=True, writes=""),
            self._writer,
        ]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.ended.set()
        for client in self._clients:
            client.join()

    @property
    def refused(self) -> list[str]:
        """The requests that failed, with time and reason."""
        return [text for client in self._clients for text in client.refused]

    @property
    def acknowledged(self) -> set[str]:
        """The names of the config maps whose creation was confirmed."""
        return set(self._writer.acknowledged)

    @property
    def longest(self) -> float:
        """The longest time of one request in seconds."""
        return max(client.longest for client in self._clients)
