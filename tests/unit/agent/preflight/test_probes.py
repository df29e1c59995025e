"""Listening, connecting, writing and pinging for real, on this machine."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from kprov.agent.preflight import listeners, probes, storage

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


def test_ports_are_open_until_they_are_closed_and_a_used_one_is_left_alone() -> None:
    port = free_port()
    with socket.create_server((LOOPBACK, 0)) as other:
        used = other.getsockname()[1]
        try:
            assert probes.open_ports(LOOPBACK, [port, used]) == {"opened": [port]}
            assert probes.connect_all([(LOOPBACK, port), (LOOPBACK, used)], 5) == {
                f"{LOOPBACK}:{port}": "open",
                f"{LOOPBACK}:{used}": "open",
            }
        finally:
            probes.close_ports()
    assert probes.connect_all([(LOOPBACK, port)], 5) == {f"{LOOPBACK}:{port}": "Connection refused"}
    assert probes.connect_all([], 5) == {}


def fill_queue(port_holder: socket.socket) -> socket.socket:
    """Let a server whose queue has one place be full, so that the kernel drops further connections."""
    filler = socket.socket()
    filler.setblocking(False)
    filler.connect_ex(port_holder.getsockname())
    return filler


def test_a_connection_without_an_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_ATTEMPT", 0.2)
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen(0)
        target = server.getsockname()
        with fill_queue(server):
            silent = probes.connect_all([target], 0.5)
            assert silent == {f"{LOOPBACK}:{target[1]}": "no answer within 0.5 s"}
            # The first tries are dropped. The kernel itself repeats a packet only after a second.
            timer = threading.Timer(0.3, lambda: server.accept()[0].close())
            timer.start()
            assert probes.connect_all([target], 0.9) == {f"{LOOPBACK}:{target[1]}": "open"}
            timer.join()


def test_an_address_that_the_host_does_not_have_opens_nothing() -> None:
    assert probes.open_ports("192.0.2.1", [free_port()]) == {"opened": []}


def test_a_listener_is_found_with_its_process() -> None:
    with socket.create_server((LOOPBACK, 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("", 0))
        port, datagrams = tcp.getsockname()[1], udp.getsockname()[1]
        found = {one["port"]: one for one in listeners.read_listeners([port, datagrams])}
    assert (found[port]["protocol"], found[port]["address"], found[port]["pid"]) == (
        "tcp",
        LOOPBACK,
        os.getpid(),
    )
    assert (found[datagrams]["protocol"], found[datagrams]["address"]) == ("udp", "0.0.0.0")
    assert found[port]["process"] == Path("/proc/self/comm").read_text().strip()
    assert listeners.read_listeners([port]) == []


def test_a_measured_disk_keeps_no_file(tmp_path: Path) -> None:
    found = storage.measure_fsync(str(tmp_path / "member" / "wal"), 0.1)
    assert found["writes"] > 0
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert list(tmp_path.iterdir()) == []


def test_the_space_of_a_folder_that_is_not_there_is_that_of_its_parent(tmp_path: Path) -> None:
    missing = str(tmp_path / "a" / "b")
    found = storage.read_space([str(tmp_path), missing])
    assert found[missing]["device"] == found[str(tmp_path)]["device"] == str(tmp_path.stat().st_dev)
    assert os.path.ismount(found[missing]["mount"])


@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")
def test_packets_come_back_up_to_the_mtu() -> None:
    assert probes.ping_all([LOOPBACK], [576, 1500], 5) == {LOOPBACK: [576, 1500]}
