"""Rewrite the links in a backend's HTML, so that they go through the proxy.

A page comes and goes in pieces: a piece costs time in proportion to its size, and no more than one attribute
is kept between two of them, whatever the backend sends.
Source: upstream apimachinery/pkg/util/proxy/transport.go, Go's html.Token for how a tag is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from kprov.kube.apiserver.streaming import encodings
from kprov.kube.apiserver.streaming.html_tokenizer import Tokenizer

_LINKS: Final = {
    "a": {"href"},
    "applet": {"codebase"},
    "area": {"href"},
    "audio": {"src"},
    "base": {"href"},
    "blockquote": {"cite"},
    "body": {"background"},
    "button": {"formaction"},
    "command": {"icon"},
    "del": {"cite"},
    "embed": {"src"},
    "form": {"action"},
    "frame": {"longdesc", "src"},
    "head": {"profile"},
    "html": {"manifest"},
    "iframe": {"longdesc", "src"},
    "img": {"longdesc", "src", "usemap"},
    "input": {"src", "usemap", "formaction"},
    "ins": {"cite"},
    "link": {"href"},
    "object": {"classid", "codebase", "data", "usemap"},
    "q": {"cite"},
    "script": {"src"},
    "source": {"src"},
    "video": {"poster", "src"},
}
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "'": "&#39;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "\r": "&#13;"}
)
#: zlib's window bits by Content-Encoding. Go's flate is raw deflate.
_WINDOWS: Final = {"gzip": encodings.GZIP, "deflate": -15}
#: The event loop handles other requests after so many bytes of a page: at most about 7 ms of work.
_SLICE_BYTES: Final = 4 * 1024

Link = Callable[[str], str]


def is_page(headers: Mapping[str, str]) -> bool:
    """Whether a response is HTML in a supported encoding."""
    kind = headers.get("Content-Type", "").split(";")[0].strip()
    return kind == "text/html" and headers.get("Content-Encoding", "") in {"", *_WINDOWS}


async def rewrite_page(pieces: AsyncIterator[bytes], encoding: str, link: Link) -> AsyncIterator[bytes]:
    """Replace each link by `link(it)`. encoding: the Content-Encoding, in which the result is, too.

    Raise InvalidEncodingError.
    """
    if not encoding:
        async for piece in _rewrite_tags(pieces, link):
            yield piece
        return
    window = _WINDOWS[encoding]
    packer = zlib.compressobj(wbits=window)
    async for piece in _rewrite_tags(encodings.decompress(pieces, window), link):
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


async def _rewrite_tags(pieces: AsyncIterator[bytes], link: Link) -> AsyncIterator[bytes]:
    tokenizer = Tokenizer(lambda tag, name, value: _write_attribute(tag, name, value, link))
    async for piece in pieces:
        for start in range(0, len(piece), _SLICE_BYTES):
            if written := tokenizer.feed(piece[start : start + _SLICE_BYTES]):
                yield written
            await asyncio.sleep(0)
    yield tokenizer.finish()


def _write_attribute(tag: str, name: bytes, value: bytes, link: Link) -> bytes:
    """Write an attribute of a start tag. Bytes that are not UTF-8 do not change."""
    if b"&" in value or name.decode("ascii", "replace") in _LINKS.get(tag, ()):
        value = _rewrite_value(tag, name.decode("ascii", "replace"), value, link)
    elif not value.isalnum():
        value = value.decode(errors="surrogateescape").translate(_ESCAPES).encode(errors="surrogateescape")
    return b' %b="%b"' % (name, value)


def _rewrite_value(tag: str, name: str, value: bytes, link: Link) -> bytes:
    text = value.decode(errors="surrogateescape")
    # An invalid URL does not change. ValueError, too: a character reference of more than 4,300 digits.
    with contextlib.suppress(ValueError):
        text = html.unescape(text)
        if name in _LINKS.get(tag, ()):
            text = link(text)
    return text.translate(_ESCAPES).encode(errors="surrogateescape")
