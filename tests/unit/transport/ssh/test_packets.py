"""Packets under AES-GCM against paramiko's own."""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections.abc import Iterator

import paramiko
import pytest

from kprov.transport.ssh import connection as ssh_connection
from kprov.transport.ssh.packets import GcmPacketizer
from kprov.transport.ssh.paramiko_transport import Transport

from .sshd import Server, summed


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def connected(server: Server) -> Iterator[Transport]:
    chain = ssh_connection.connect_chain(server.options(), warnings.warn)
    yield chain[-1]
    ssh_connection.close_chain(chain)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32703, 32704, 32705, 5 << 20])
def test_data_of_any_size_arrives(connected: Transport, size: int) -> None:
    assert summed(connected, os.urandom(size))


def test_other_ciphers_are_paramikos(server: Server) -> None:
    other = Server(ciphers=("aes128-ctr",))
    chain = ssh_connection.connect_chain(other.options(), warnings.warn)
    try:
        assert summed(chain[-1], os.urandom(300_000))
        assert chain[-1].packetizer._out is None
    finally:
        ssh_connection.close_chain(chain)
        other.close()


def test_keys_are_changed_in_the_midst_of_much_data(
    server: Server, connected: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = connected.packetizer._out
    monkeypatch.setattr(GcmPacketizer, "REKEY_BYTES", 1 << 20)
    assert summed(connected, os.urandom(6 << 20))
    assert connected.packetizer._out is not before


def test_keys_are_changed_when_the_client_asks(connected: Transport) -> None:
    before = connected.packetizer._out
    connected.renegotiate_keys()
    assert summed(connected, os.urandom(100_000))
    assert connected.packetizer._out is not before


def test_paramiko_is_of_the_release_that_the_packets_are_written_for() -> None:
    """`Packets` and `Transport` override private parts of paramiko: read them again before raising this."""
    assert paramiko.__version__.split(".")[:2] == ["5", "1"]


class Flipping:
    """A relay that changes one bit of what the server says after a while."""

    def __init__(self, port: int) -> None:
        self._far = socket.create_connection(("127.0.0.1", port))
        self.near, self._inner = socket.socketpair()
        self.flip = False
        threading.Thread(target=self._pump, args=(self._inner, self._far, False), daemon=True).start()
        threading.Thread(target=self._pump, args=(self._far, self._inner, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, flipping: bool) -> None:
        try:
            while part := bytearray(source.recv(65536)):
                if flipping and self.flip:
                    part[len(part) // 2] ^= 1
                sink.sendall(part)
        except OSError:
            pass
        sink.close()


def test_a_damaged_packet_ends_the_connection(server: Server) -> None:
    options = server.options()
    relay = Flipping(options.port)
    transport = Transport(relay.near)
    transport.start_client(timeout=5)
    transport.auth_password("somebody", "right")
    relay.flip = True
    with pytest.raises(Exception, match=r"integrity check|packet of \d+ bytes"):
        transport.open_session(timeout=5)
    assert not transport.is_active()
