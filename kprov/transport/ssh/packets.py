"""A packetizer for AES-GCM (RFC 5647) that writes many packets at once and reads ahead.

paramiko's own code handles the first key exchange and other ciphers.
"""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import dataclass
from typing import Any, cast

import paramiko
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.packet import NeedRekeyException, Packetizer

_BLOCK, _TAG, _LENGTH = 16, 16, struct.Struct(">I")
#: Largest packet in bytes that is accepted, as in OpenSSH (PACKET_MAX_SIZE).
_LARGEST = 256 * 1024
_AHEAD = 65536
#: The payload of a packet, in parts.
Payload = list[bytes | memoryview]
_DATA = 94  # SSH_MSG_CHANNEL_DATA


@dataclass(frozen=True)
class ChannelData:
    """Data of a channel for several packets with at most `largest` bytes each."""

    channel: int
    data: memoryview
    largest: int

    def payloads(self) -> list[Payload]:
        """Yield the payload of each packet, in parts."""
        parts = [self.data[start : start + self.largest] for start in range(0, len(self.data), self.largest)]
        return [[struct.pack(">BII", _DATA, self.channel, len(part)), part] for part in parts]


class AesGcmDirection:
    """The cipher state of one direction: the key, and the nonce with its invocation counter."""

    def __init__(self, engine: AESGCM, nonce: bytes) -> None:
        self._engine = engine
        self._fixed, self._count = nonce[:4], int.from_bytes(nonce[4:], "big")

    @property
    def nonce(self) -> bytes:
        """Return the nonce of the next packet."""
        return self._fixed + (self._count & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")

    def seal(self, payload: Payload) -> bytes:
        """Return an encrypted packet with this payload."""
        size = 1 + sum(len(part) for part in payload)
        padding = _BLOCK - size % _BLOCK
        padding += _BLOCK if padding < 4 else 0
        length = _LENGTH.pack(size + padding)
        plain = b"".join([bytes((padding,)), *payload, os.urandom(padding)])
        sealed = self._engine.encrypt(self.nonce, plain, length)
        self._count += 1
        return length + sealed

    def opened(self, length: bytes, sealed: bytes) -> bytes:
        """Return the payload of a packet. Raises SSHException if its authentication tag is wrong."""
        try:
            plain = self._engine.decrypt(self.nonce, sealed, length)
        except InvalidTag:
            raise paramiko.SSHException("a packet failed its integrity check") from None
        self._count += 1
        return plain[1 : len(plain) - plain[0]]


#: Typed as Any: the stubs leave out members that are used here.
_Packetizer: Any = Packetizer


class GcmPacketizer(_Packetizer):  # type: ignore[misc]
    """The packetizer of paramiko's Transport."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._sock = sock
        self._out: AesGcmDirection | None = None
        self._in: AesGcmDirection | None = None
        self._ahead = bytearray()
        self._sent = self._received = 0
        self._writing = threading.RLock()

    def set_outbound_cipher(self, block_engine: Any, *args: Any, **options: Any) -> None:
        super().set_outbound_cipher(block_engine, *args, **options)
        self._sent = 0
        self._out = self._make_direction(self._out, block_engine, options.get("iv_out"))

    def set_inbound_cipher(self, block_engine: Any, *args: Any, **options: Any) -> None:
        super().set_inbound_cipher(block_engine, *args, **options)
        self._received = 0
        self._in = self._make_direction(self._in, block_engine, options.get("iv_in"))

    @staticmethod
    def _make_direction(
        before: AesGcmDirection | None, engine: Any, nonce: bytes | None
    ) -> AesGcmDirection | None:
        if isinstance(engine, AESGCM) and nonce is not None:
            return AesGcmDirection(engine, nonce)
        if before is not None:
            # Other ciphers need paramiko's packet counters, which this class does not update.
            raise paramiko.SSHException("the host asks for another cipher")
        return None

    def write_all(self, out: bytes) -> None:
        # paramiko slices off the sent bytes; slicing a memoryview copies nothing.
        super().write_all(memoryview(out))

    def send_message(self, data: paramiko.Message | ChannelData) -> None:
        if self._out is None:
            for message in _split_payloads(data) if isinstance(data, ChannelData) else [data]:
                super().send_message(message)
            return
        payloads: list[Payload] = data.payloads() if isinstance(data, ChannelData) else [[data.asbytes()]]
        with self._writing:
            packets = b"".join([self._out.seal(payload) for payload in payloads])
            self.write_all(packets)
            self._sent += len(packets)
            if self._sent >= self.REKEY_BYTES and not self.need_rekey():
                self._trigger_rekey()

    def read_message(self) -> tuple[int, paramiko.Message]:
        if self._in is None:
            return cast("tuple[int, paramiko.Message]", super().read_message())
        length = self._take(_LENGTH.size, between=True)
        size = _LENGTH.unpack(length)[0]
        if not _BLOCK <= size <= _LARGEST or size % _BLOCK:
            raise paramiko.SSHException(f"a packet of {size} bytes")
        payload = self._in.opened(length, self._take(size + _TAG, between=False))
        self._received += size
        if self._received >= self.REKEY_BYTES and not self.need_rekey():
            self._trigger_rekey()
        message = paramiko.Message(payload[1:])
        message.seqno = 0
        return payload[0], message

    def _take(self, size: int, *, between: bool) -> bytes:
        """Read bytes of the connection; `between` packets a new key exchange may begin."""
        ahead = self._ahead
        while len(ahead) < size:
            try:
                part = self._sock.recv(_AHEAD)
            except TimeoutError:
                if self.closed:
                    raise EOFError from None
                if between and not ahead and self.need_rekey():
                    raise NeedRekeyException from None
                self._check_keepalive()
                continue
            except OSError:
                if self.closed:
                    raise EOFError from None
                raise
            if not part:
                raise EOFError
            ahead += part
        data = bytes(ahead[:size])
        del ahead[:size]
        return data


def _split_payloads(pieces: ChannelData) -> list[paramiko.Message]:
    return [paramiko.Message(b"".join(payload)) for payload in pieces.payloads()]
