"""Field blocks of requests and responses (HPACK, RFC 7541).

The client announces a dynamic table of size 0. So equal headers are equal bytes, and each block needs
decoding only once. Requests use literal fields without indexing for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from hpack import Decoder
from hpack.exceptions import HPACKError

from kprov.kube.component_base.rpc.frames import MalformedError

#: Indexes of the static table (RFC 7541, appendix A).
_POST: Final = b"\x83"
_SCHEME: Final = {"http": b"\x86", "https": b"\x87"}
_MAX_CACHED: Final = 256


def encode_request_headers(
    scheme: str,
    authority: str,
    path: str,
    metadata: Iterable[tuple[str, str]] = (),
    *,
    user_agent: str = "kprov",
) -> bytes:
    """Return the field block of a gRPC call."""
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
    """Return a string of a literal field without indexing. The name begins the field (RFC 7541, 6.2.2)."""
    data = text.encode()
    return begin + _integer(len(data), 7) + data


def _integer(value: int, bits: int) -> bytes:
    """Return an integer with a prefix of so many bits (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    octets = bytearray((most,))
    value -= most
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


class HeaderDecoder:
    """Decodes the field blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._cache: dict[bytes, dict[str, str]] = {}

    def decode_block(self, block: bytes) -> dict[str, str]:
        """Names and values. Of equal names the last wins. MalformedError."""
        headers = self._cache.get(block)
        if headers is not None:
            return headers
        try:
            decoded = self._decoder.decode(block)
        except (HPACKError, UnicodeDecodeError) as error:
            raise MalformedError(f"malformed field block: {error}") from None
        headers = {str(name): str(value) for name, value in decoded}
        # If the server uses a dynamic table nevertheless, the same bytes may mean something else later.
        if not self._decoder.header_table_size and len(self._cache) < _MAX_CACHED:
            self._cache[block] = headers
        return headers


#: The field block before the messages of a response: status 200 (static table, 8) and the content type.
RESPONSE_HEADERS: Final = b"\x88" + _literal("content-type") + _literal("application/grpc", b"")
#: What grpc-message has as it is: printable ASCII but for the percent sign.
_PLAIN: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
#: Longer details are cut, so that the block fits into one frame also when each byte takes three.
_MAX_DETAILS_BYTES: Final = 4096


def encode_trailers(code: int, details: str, *, has_headers: bool) -> bytes:
    """Return the field block that ends a response. has_headers: RESPONSE_HEADERS has been sent.

    code: gRPC's. details: a text for people, in any characters.
    """
    block = (b"" if has_headers else RESPONSE_HEADERS) + _literal("grpc-status") + _literal(str(code), b"")
    if details:
        text = quote(details.encode("utf-8", "replace")[:_MAX_DETAILS_BYTES], safe=_PLAIN)
        block += _literal("grpc-message") + _literal(text, b"")
    return block
