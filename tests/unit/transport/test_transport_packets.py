"""Packets under AES-GCM against paramiko's own, and connections that another transport goes on with."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from kprov.transport import ssh
from kprov.transport.packets import Packets
from kprov.transport.resumable import Transport

from .sshd import Server, summed


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def connected(server: Server) -> Iterator[Transport]:
    chain = ssh.connect(server.options())
    yield chain[-1]
    ssh.close(chain)


def handed_over(transport: Transport) -> Transport:
    """The same connection in the hands of another transport."""
    assert transport.park()
    state = transport.parked(5)
    assert state is not None
    other = Transport.restored(*state)
    other.resume()
    return other


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32703, 32704, 32705, 5 << 20])
def test_data_of_any_size_arrives(connected: Transport, size: int) -> None:
    assert summed(connected, os.urandom(size))


def test_other_ciphers_are_paramikos(server: Server) -> None:
    other = Server(ciphers=("aes128-ctr",))
    chain = ssh.connect(other.options())
    try:
        assert summed(chain[-1], os.urandom(300_000))
        assert not chain[-1].park()
    finally:
        ssh.close(chain)
        other.close()


def test_keys_are_changed_in_the_midst_of_much_data(
    server: Server, connected: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = connected._keys["C"]
    monkeypatch.setattr(Packets, "REKEY_BYTES", 1 << 20)
    assert summed(connected, os.urandom(6 << 20))
    assert connected._keys["C"] != before


def test_another_transport_goes_on_with_the_connection(server: Server, connected: Transport) -> None:
    assert summed(connected, b"before")
    second = handed_over(connected)
    assert not connected.is_active()
    assert summed(second, os.urandom(1 << 20))
    third = handed_over(second)
    assert summed(third, b"after")
    assert len(server.logins) == 1
    third.close()


def test_keys_are_changed_after_a_hand_over(connected: Transport) -> None:
    second = handed_over(connected)
    second.renegotiate_keys()
    assert summed(second, os.urandom(100_000))
    third = handed_over(second)
    assert summed(third, b"x")
    third.close()


def test_what_the_host_said_meanwhile_is_read(server: Server, connected: Transport) -> None:
    assert connected.park()
    state = connected.parked(5)
    assert state is not None
    # As sshd does with ClientAliveInterval: an answer is due.
    answered = threading.Event()

    def ask() -> None:
        server.peers[0].global_request("keepalive@openssh.com")
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    second = Transport.restored(*state)
    second.resume()
    assert answered.wait(5)
    assert summed(second, b"x")
    second.close()


def test_a_connection_that_ended_is_not_handed_over(server: Server, connected: Transport) -> None:
    server.close()
    connected.join(5)
    connected.park()
    assert connected.parked(1) is None


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
    with pytest.raises(Exception, match=r"damaged|packet of \d+ bytes"):
        transport.open_session(timeout=5)
    assert not transport.is_active()
