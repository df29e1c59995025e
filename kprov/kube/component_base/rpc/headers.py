"""Header blocks: requests as bytes made once, answers read once each.

We tell the server to keep no dynamic table, so equal headers are equal bytes: what a block says is remembered
by its bytes, and hpack is asked about each once. Requests are written as literals for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hpack import Decoder
from hpack.exceptions import HPACKError

from kprov.kube.component_base.rpc.frames import MalformedError

#: Of the static table (RFC 7541, appendix A).
_POST: Final = b"\x83"
_SCHEME: Final = {"http": b"\x86", "https": b"\x87"}
_REMEMBERED: Final = 256


def request(
    scheme: str,
    authority: str,
    path: str,
    metadata: Iterable[tuple[str, str]] = (),
    *,
    user_agent: str = "kprov",
) -> bytes:
    """The header block of a gRPC call."""
    more = (
        (":path", path),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", user_agent),
        *metadata,
    )
    return _POST + _SCHEME[scheme] + b"".join(_literal(name) + _literal(value, b"") for name, value in more)


def _literal(text: str, begin: bytes = b"\x00") -> bytes:
    """A string of a literal field that is not indexed; the name's begins the field (RFC 7541, 6.2.2)."""
    data = text.encode()
    return begin + _integer(len(data), 7) + data


def _integer(value: int, bits: int) -> bytes:
    """An integer with that prefix (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    found = bytearray((most,))
    value -= most
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


class Reader:
    """Header blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._known: dict[bytes, dict[str, str]] = {}

    def read(self, block: bytes) -> dict[str, str]:
        """Names and values; the last one wins. Raises MalformedError."""
        found = self._known.get(block)
        if found is not None:
            return found
        try:
            decoded = self._decoder.decode(block)
        except (HPACKError, UnicodeDecodeError) as error:
            raise MalformedError(f"headers that cannot be read: {error}") from None
        found = {str(name): str(value) for name, value in decoded}
        # A server that keeps a table all the same may mean something else by the same bytes.
        if not self._decoder.header_table_size and len(self._known) < _REMEMBERED:
            self._known[block] = found
        return found
