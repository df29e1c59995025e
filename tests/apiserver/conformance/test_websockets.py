"""What clients read over WebSocket, with the kubelet's own server behind the API server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.apiserver.clients.kubelet_server import kubelet_server
from tests.apiserver.servers import ApiServer

_POD = "pod-logs-websocket"
_LINE = "container is alive\n"
_NO_RUNTIME = "container runtime: the test writes the log; of the kubelet, all but its server"


@pytest.fixture
def log_url(server: ApiServer, namespace: str, tmp_path: Path) -> Iterator[str]:
    """The URL of the log of a pod whose container has said one line."""
    spec = {
        "nodeName": "websocket-node",
        "automountServiceAccountToken": False,
        "containers": [{"name": "main", "image": "i"}],
    }
    place = f"/api/v1/namespaces/{namespace}/pods"
    made = server.post(place, {"metadata": {"name": _POD}, "spec": spec})
    assert made.status == 201, made.body
    log = tmp_path / "0.log"
    log.write_text(f"2026-01-01T00:00:00.000000001Z stdout F {_LINE}")
    with kubelet_server(server, "websocket-node", made.json, log):
        yield f"wss://127.0.0.1:{server.port}{place}/{_POD}/log?container=main"


def _messages(server: ApiServer, url: str, *protocols: str) -> tuple[str | None, list[tuple[int, bytes]]]:
    """The chosen subprotocol, and kind and content of each message until the server closes."""
    socket: Any = websocket.create_connection(
        url, header=["Authorization: Bearer admin-token"], subprotocols=protocols or None,
        sslopt={"context": server.context()}, timeout=20,
    )  # fmt: skip
    try:
        found: list[tuple[int, bytes]] = []
        while True:
            kind, data = socket.recv_data()
            if kind == websocket.ABNF.OPCODE_CLOSE:
                return socket.getsubprotocol(), found
            found.append((kind, data))
    finally:
        socket.shutdown()


@pytest.mark.entry(
    "Pods should support retrieving logs from the container over websockets", without=_NO_RUNTIME
)
def test_should_support_retrieving_logs_from_the_container_over_websockets(
    server: ApiServer, log_url: str
) -> None:
    chosen, messages = _messages(server, log_url, "binary.k8s.io")
    assert chosen == "binary.k8s.io"
    assert {kind for kind, _ in messages} == {websocket.ABNF.OPCODE_BINARY}
    assert b"".join(data for _, data in messages).decode() == _LINE


def test_a_log_as_base64_over_a_websocket(server: ApiServer, log_url: str) -> None:
    chosen, messages = _messages(server, log_url, "base64.binary.k8s.io")
    assert chosen == "base64.binary.k8s.io"
    assert {kind for kind, _ in messages} == {websocket.ABNF.OPCODE_TEXT}
    assert b"".join(base64.b64decode(data) for _, data in messages).decode() == _LINE


def test_a_log_over_a_websocket_without_a_subprotocol(server: ApiServer, log_url: str) -> None:
    chosen, messages = _messages(server, log_url)
    assert chosen is None
    assert b"".join(data for _, data in messages).decode() == _LINE


def test_a_refused_log_is_a_status_and_no_websocket(server: ApiServer, log_url: str) -> None:
    path = log_url.partition(str(server.port))[2].replace("container=main", "container=other")
    asks = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    answer = server.get(path, headers=asks | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
