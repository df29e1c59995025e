"""paramiko's transport as a client, which another process can go on with where this one stopped.

What is handed over is the socket and the state of the packets on it; see docs/decisions/017.
"""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any, cast

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from kprov.transport.packets import Packets, Pieces

#: Bytes in flight on a channel: enough for a bundle over a slow line, see RFC 4254 5.2.
_WINDOW = 16 << 20
#: Data that goes out in one write.
_AT_ONCE = 1 << 20
#: What both sides agreed on, by paramiko's names.
_AGREED = (
    "remote_version",
    "local_cipher",
    "remote_cipher",
    "local_mac",
    "remote_mac",
    "local_compression",
    "remote_compression",
    "host_key_type",
    "agreed_on_strict_kex",
    "_channel_counter",
)


#: Its stubs leave out what is overridden here.
_Paramiko: Any = paramiko.Transport


class Transport(_Paramiko):  # type: ignore[misc]
    """An SSH connection."""

    packetizer: Packets

    def __init__(self, sock: Any) -> None:
        super().__init__(sock, default_window_size=_WINDOW, packetizer_class=Packets)
        #: Keys by their letters (RFC 4253 7.2), which paramiko forgets once they are in use.
        self._keys: dict[str, bytes] = {}
        self._parking = False

    @classmethod
    def restored(cls, sock: socket.socket, state: bytes) -> Transport:
        """A connection that `parked` gave, for `resume`; ValueError, KeyError for what it did not give."""
        found = json.loads(state)
        self = cls(sock)
        for name in _AGREED:
            setattr(self, name, found[name])
        self._keys = {letter: bytes.fromhex(key) for letter, key in found["keys"].items()}
        self.session_id = bytes.fromhex(found["session_id"])
        blob = paramiko.Message(bytes.fromhex(found["host_key"]))
        self.host_key = self._key_info[self.host_key_type](blob)
        # What the host still says of them is no news.
        self.channels_seen = dict.fromkeys(range(found["_channel_counter"]), True)
        self._sealed(found["packets"])
        self.initial_kex_done = self.packetizer._initial_kex_done = True
        return self

    def resume(self) -> None:
        """Go on with it."""
        self.authenticated = self.active = self.packetizer.resuming = True
        self.clear_to_send.set()
        self.start()

    def _sealed(self, packets: dict[str, str]) -> None:
        out, into = self._cipher_info[self.local_cipher], self._cipher_info[self.remote_cipher]
        self.packetizer.set_outbound_cipher(
            out["class"](self._keys["C"]),
            out["block-size"],
            None,
            16,
            None,
            aead=True,
            iv_out=bytes.fromhex(packets["out"]),
        )
        self.packetizer.set_inbound_cipher(
            into["class"](self._keys["D"]),
            into["block-size"],
            None,
            16,
            None,
            aead=True,
            iv_in=bytes.fromhex(packets["in"]),
        )
        self.packetizer.read_ahead(bytes.fromhex(packets["ahead"]))

    def park(self) -> bool:
        """Begin to stop, for `parked`; False where nobody could go on with this connection.

        The host is asked for a sign of life, and with its answer this process reads no more.
        """
        plain = self.local_compression == self.remote_compression == "none"
        if not (plain and self.packetizer.is_sealed and isinstance(self.sock, socket.socket)):
            return False
        self._parking = True
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            self._send_user_message(message)
        return True

    def parked(self, timeout: float) -> tuple[socket.socket, bytes] | None:
        """The connection and its state for `restored`, in another process too; None when it has ended."""
        self.join(timeout)
        sock = self.packetizer.stopped
        if sock is None or self.is_alive():
            return None
        state = {name: getattr(self, name) for name in _AGREED}
        state["keys"] = {letter: self._keys[letter].hex() for letter in "CD"}
        state["session_id"] = self.session_id.hex()
        state["host_key"] = self.host_key.asbytes().hex()
        state["packets"] = self.packetizer.state()
        return sock, json.dumps(state).encode()

    def open_session(self, *, timeout: float) -> paramiko.Channel:
        """A channel for a program. Raises SSHException, ChannelException, EOFError."""
        return cast("paramiko.Channel", super().open_session(timeout=timeout))

    def send_data(self, channel: paramiko.Channel, data: memoryview) -> int:
        """Send as much as the host takes now, in one write, and how much that was. Errors: Channel.send's."""
        with channel.lock:
            if channel.closed:
                raise OSError("the channel is closed")
            size = channel._wait_for_send_window(len(data))  # type: ignore[attr-defined]
            if not size:
                raise EOFError("the channel is closed")
            more = min(min(len(data), _AT_ONCE) - size, channel.out_window_size)
            if more > 0:
                channel.out_window_size -= more
                size += more
        pieces = Pieces(channel.remote_chanid, data[:size], channel.out_max_packet_size - 64)
        # Without the channel's lock, or a new key exchange could wait for ever.
        self._send_user_message(pieces)
        return cast("int", size)

    # What paramiko calls, in this order, when its thread starts; a connection that goes on has it behind it.

    def _check_banner(self) -> None:
        if not self.packetizer.resuming:
            super()._check_banner()

    def _send_kex_init(self) -> None:
        if not self.packetizer.resuming:
            super()._send_kex_init()

    def _expect_packet(self, *kinds: int) -> None:
        if self.packetizer.resuming:
            self.packetizer.resuming = False
        else:
            super()._expect_packet(*kinds)

    def _parse_request_success(self, message: paramiko.Message) -> None:
        super()._parse_request_success(message)
        self.packetizer.stop = self._parking

    def _parse_request_failure(self, message: paramiko.Message) -> None:
        super()._parse_request_failure(message)
        self.packetizer.stop = self._parking

    def _compute_key(self, letter: str, size: int) -> bytes:
        self._keys[letter] = key = cast("bytes", super()._compute_key(letter, size))
        return key
