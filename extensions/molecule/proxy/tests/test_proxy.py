"""apt asks the proxy for the package lists."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from testinfra.host import Host


@pytest.fixture
def requests(host: Host) -> Iterator[list[str]]:
    """Return what a proxy is asked for, which has nothing."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

    # The scenario's http_proxy: this machine has the first address of the lab's network.
    network = str(host.ansible.get_variables()["ansible_host"]).rpartition(".")[0]
    server = ThreadingHTTPServer((f"{network}.1", 3128), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


def test_apt_asks_the_proxy(host: Host, requests: list[str]) -> None:
    # Nothing is stored: the lists of the repositories stay as they are.
    host.check_output("mkdir -p /run/test-lists/partial")
    host.run("apt-get -q -o Dir::State::Lists=/run/test-lists -o Acquire::Retries=0 update")
    assert requests
    assert all("InRelease" in path or path.endswith((":443", "Release")) for path in requests)
