"""Rewrite the links in a backend's HTML, so that they go through the proxy.

Source: upstream apimachinery/pkg/util/proxy/transport.go, Go's html.Token for how a tag is written.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Final

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
_WINDOWS: Final = {"gzip": 31, "deflate": -15}

Link = Callable[[str], str]


def is_page(headers: Mapping[str, str]) -> bool:
    """Whether a response is HTML in a supported encoding."""
    kind = headers.get("Content-Type", "").split(";")[0].strip()
    return kind == "text/html" and headers.get("Content-Encoding", "") in {"", *_WINDOWS}


def rewrite_page(body: bytes, encoding: str, link: Link) -> bytes:
    """Replace each link by `link(it)`. encoding: the Content-Encoding. Raise ValueError if it is wrong."""
    if not encoding:
        return _rewrite_tags(body, link)
    window = _WINDOWS[encoding]
    try:
        page = zlib.decompress(body, window)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    packer = zlib.compressobj(wbits=window)
    return packer.compress(_rewrite_tags(page, link)) + packer.flush()


def _rewrite_tags(page: bytes, link: Link) -> bytes:
    # Bytes that are not UTF-8 do not change.
    text = page.decode(errors="surrogateescape")
    return _LinkRewriter(text, link).result().encode(errors="surrogateescape")


class _LinkRewriter(HTMLParser):
    """Rewrites start tags; copies everything else."""

    def __init__(self, text: str, link: Link) -> None:
        super().__init__(convert_charrefs=False)
        self._text = text
        self._link = link
        self._lines = [0]
        for line in text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._parts: list[str] = []
        self._done = 0

    def result(self) -> str:
        self.feed(self._text)
        self.close()
        return "".join([*self._parts, self._text[self._done :]])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._write(tag, attrs, ">")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._write(tag, attrs, "/>")

    def _write(self, tag: str, attrs: list[tuple[str, str | None]], end: str) -> None:
        line, column = self.getpos()
        start = self._lines[line - 1] + column
        links = _LINKS.get(tag, set())
        written = [f"<{tag}"]
        for name, value in attrs:
            kept = value or ""
            if name in links:
                # An invalid URL does not change.
                with contextlib.suppress(ValueError):
                    kept = self._link(kept)
            written.append(f' {name}="{kept.translate(_ESCAPES)}"')
        self._parts += [self._text[self._done : start], *written, end]
        self._done = start + len(self.get_starttag_text() or "")
