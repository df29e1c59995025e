"""Split HTML into tags and the rest, piece by piece, in linear time and bounded memory.

Each byte is looked at once: a search goes on where it stopped when the next piece arrives. What is copied
unchanged is never kept. Of a tag only the attribute that is not complete is kept, up to a bound.
Source: the tokenization of Go's x/net/html (Tokenizer), without its states for scripts in comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: A longer attribute is copied unchanged.
MAX_ATTRIBUTE_BYTES: Final = 64 * 1024
#: Elements whose content is text up to their end tag.
_RAW: Final = {
    name: re.compile(rb"</%b(?=[ \t\r\n\f/>])" % name.encode(), re.IGNORECASE)
    for name in (
        "iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp",
    )
}  # fmt: skip
_NEVER: Final = re.compile(rb"(?!)")
_COMMENT_END: Final = re.compile(rb"--!?>")
_MARKUP_END: Final = re.compile(rb">")
_NAME_END: Final = re.compile(rb"[ \t\r\n\f/>]")
_KEY_START: Final = re.compile(rb"[^ \t\r\n\f/]")
_KEY_END: Final = re.compile(rb"[ \t\r\n\f/>=]")
_NOT_SPACE: Final = re.compile(rb"[^ \t\r\n\f]")
_BARE_END: Final = re.compile(rb"[ \t\r\n\f>]")
_QUOTES: Final = {0x22: re.compile(rb'"'), 0x27: re.compile(rb"'")}
_EQUALS, _END, _SLASH = b"=>/"

#: Writes one attribute of a start tag, with the space before it. Gets tag, name and value.
WriteAttribute = Callable[[str, bytes, bytes], bytes]


class Tokenizer:
    """Rewrites the attributes of start tags; copies everything else. `feed` any number of times, `finish`."""

    def __init__(self, write_attribute: WriteAttribute) -> None:
        self._write_attribute = write_attribute
        self._buffer = bytearray()
        #: Bytes of the buffer that are written, and those that the search of this step has passed.
        self._start = self._scanned = 0
        self._output: list[bytes] = []
        #: Returns whether it came to its end; otherwise it needs more bytes.
        self._step: Callable[[], bool] = self._read_text
        self._tag = ""
        self._is_start = False
        self._key = b""
        #: The offset of the value, and what ends it if it is quoted.
        self._value = 0
        self._quote: re.Pattern[bytes] | None = None
        #: The end of what is copied: a tag's content, a comment.
        self._pattern = _MARKUP_END
        self._overlap = 0

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return what is ready to be sent."""
        self._buffer += data
        while self._step():
            pass
        del self._buffer[: self._start]
        self._scanned -= self._start
        self._start = 0
        output = b"".join(self._output)
        self._output.clear()
        return output

    def finish(self) -> bytes:
        """Return the rest, which is incomplete, as it is."""
        in_attribute = {self._read_key, self._read_equals, self._read_value_start, self._read_value}
        space = b" " if self._is_start and self._step in in_attribute else b""
        return space + bytes(self._buffer)

    # the parts of the buffer

    def _find(self, pattern: re.Pattern[bytes]) -> int:
        """Return the position of the first match that no search has passed, -1 without one."""
        match = pattern.search(self._buffer, max(self._scanned, self._start))
        self._scanned = len(self._buffer) if match is None else match.start()
        return -1 if match is None else match.start()

    def _copy_to(self, end: int) -> None:
        """Write the buffer up to `end` unchanged."""
        if end > self._start:
            self._output.append(bytes(self._buffer[self._start : end]))
        self._skip_to(end)

    def _skip_to(self, end: int) -> None:
        self._start = self._scanned = end

    def _go(self, step: Callable[[], bool]) -> bool:
        self._step = step
        return True

    # steps between tags

    def _read_text(self) -> bool:
        buffer = self._buffer
        opening = buffer.find(b"<", self._start)
        self._copy_to(len(buffer) if opening < 0 else opening)
        following = bytes(buffer[self._start + 1 : self._start + 4])
        if not following:
            return False
        if following[:1].isalpha():
            return self._begin_tag(1)
        if following[:1] == b"/":
            return len(following) > 1 and self._read_end(following)
        if following[:1] == b"!":
            if following[1:] in {b"", b"-"}:
                return False
            if following == b"!--":
                # The dashes of the start are part of the end of `<!-->`.
                return self._copy_until(_COMMENT_END, 2, overlap=3)
            return self._copy_until(_MARKUP_END, 2)
        if following[:1] == b"?":
            return self._copy_until(_MARKUP_END, 2)
        self._copy_to(self._start + 1)
        return True

    def _read_end(self, following: bytes) -> bool:
        if following[1:2].isalpha():
            return self._begin_tag(2)
        return self._copy_until(_MARKUP_END, 2)

    def _copy_until(self, pattern: re.Pattern[bytes], offset: int, *, overlap: int = 0) -> bool:
        """Copy up to the end of the pattern's match. overlap: one less than its longest match."""
        self._copy_to(self._start + offset)
        self._pattern, self._overlap = pattern, overlap
        return self._go(self._copy_markup)

    def _copy_markup(self) -> bool:
        match = self._pattern.search(self._buffer, self._start)
        if match is None:
            self._copy_to(max(self._start, len(self._buffer) - self._overlap))
            return False
        self._copy_to(match.end())
        return self._go(self._read_text)

    def _copy_raw(self) -> bool:
        """Copy the content of an element that holds no tags."""
        pattern = _RAW.get(self._tag, _NEVER)
        match = pattern.search(self._buffer, self._start)
        if match is None:
            self._copy_to(max(self._start, len(self._buffer) - len(self._tag) - 2))
            return False
        self._copy_to(match.start())
        return self._begin_tag(2)

    # steps in a tag

    def _begin_tag(self, offset: int) -> bool:
        """Go behind `<` or `</`."""
        self._is_start = offset == 1
        self._copy_to(self._start + offset)
        return self._go(self._read_name)

    def _read_name(self) -> bool:
        end = self._find(_NAME_END)
        if end < 0:
            return self._overflow(self._read_long_name)
        name = bytes(self._buffer[self._start : end])
        self._tag = name.lower().decode("latin-1")
        if self._is_start:
            self._output.append(name.lower())
            self._skip_to(end)
        else:
            self._copy_to(end)
        return self._go(self._read_key_start)

    def _read_long_name(self) -> bool:
        end = self._find(_NAME_END)
        self._copy_to(len(self._buffer) if end < 0 else end)
        self._tag = ""
        return end >= 0 and self._go(self._read_key_start)

    def _read_key_start(self) -> bool:
        """Pass spaces and slashes. At `>` the tag is complete."""
        start = self._find(_KEY_START)
        if start < 0:
            # The last byte stays: the tag is self-closing if it is a slash and `>` follows.
            self._drop_to(len(self._buffer) - 1)
            return False
        if self._buffer[start] == _END:
            return self._end_tag(start)
        self._drop_to(start)
        # An equals sign at the start belongs to the name.
        self._scanned = start + 1
        return self._go(self._read_key)

    def _drop_to(self, end: int) -> None:
        """Pass what separates the attributes: `write_attribute` writes the space."""
        if end > self._start:
            if self._is_start:
                self._skip_to(end)
            else:
                self._copy_to(end)

    def _end_tag(self, end: int) -> bool:
        if self._is_start:
            is_closed = end > self._start and self._buffer[end - 1] == _SLASH
            self._output.append(b"/>" if is_closed else b">")
            self._skip_to(end + 1)
        else:
            self._copy_to(end + 1)
        is_raw = self._is_start and (self._tag in _RAW or self._tag == "plaintext")
        return self._go(self._copy_raw if is_raw else self._read_text)

    def _read_key(self) -> bool:
        end = self._find(_KEY_END)
        if end < 0:
            return self._overflow(self._copy_key)
        self._key = bytes(self._buffer[self._start : end])
        return self._go(self._read_equals)

    def _read_equals(self) -> bool:
        """Pass spaces to the equals sign; without one the attribute has no value."""
        position = self._find(_NOT_SPACE)
        if position < 0:
            return self._overflow(self._read_key_start)
        if self._buffer[position] == _EQUALS:
            self._scanned = position + 1
            return self._go(self._read_value_start)
        self._write(b"", position)
        return self._go(self._read_key_start)

    def _read_value_start(self) -> bool:
        position = self._find(_NOT_SPACE)
        if position < 0:
            return self._overflow(self._read_key_start)
        first = self._buffer[position]
        if first == _END:
            self._write(b"", position)
            return self._go(self._read_key_start)
        self._value = position - self._start
        self._quote = _QUOTES.get(first)
        self._scanned = position + (self._quote is not None)
        return self._go(self._read_value)

    def _read_value(self) -> bool:
        quote = self._quote
        end = self._find(quote or _BARE_END)
        if end < 0:
            return self._overflow(self._copy_value)
        begin = self._start + self._value + (quote is not None)
        self._write(bytes(self._buffer[begin:end]), end + (quote is not None))
        return self._go(self._read_key_start)

    def _write(self, value: bytes, end: int) -> None:
        """Write the attribute that ends there."""
        if self._is_start:
            self._output.append(self._write_attribute(self._tag, self._key.lower(), value))
            self._skip_to(end)
        else:
            self._copy_to(end)

    # attributes that are too long

    def _overflow(self, copy: Callable[[], bool]) -> bool:
        """Copy an attribute that is too long, and go on with `copy`. False: wait for more of it."""
        if len(self._buffer) - self._start <= MAX_ATTRIBUTE_BYTES:
            return False
        if self._is_start and copy != self._read_long_name:
            self._output.append(b" ")
        self._copy_to(len(self._buffer))
        return self._go(copy)

    def _copy_key(self) -> bool:
        end = self._find(_KEY_END)
        self._copy_to(len(self._buffer) if end < 0 else end)
        return end >= 0 and self._go(self._copy_equals)

    def _copy_equals(self) -> bool:
        """Return the value of a name that was too long."""
        position = self._find(_NOT_SPACE)
        self._copy_to(len(self._buffer) if position < 0 else position)
        if position < 0:
            return False
        if self._buffer[position] != _EQUALS:
            return self._go(self._read_key_start)
        self._copy_to(position + 1)
        return self._go(self._copy_value_start)

    def _copy_value_start(self) -> bool:
        position = self._find(_NOT_SPACE)
        self._copy_to(len(self._buffer) if position < 0 else position)
        if position < 0:
            return False
        self._quote = _QUOTES.get(self._buffer[position])
        if self._quote is not None:
            self._copy_to(position + 1)
        return self._go(self._copy_value)

    def _copy_value(self) -> bool:
        quote = self._quote
        end = self._find(quote or _BARE_END)
        if end < 0:
            self._copy_to(len(self._buffer))
            return False
        self._copy_to(end + (quote is not None))
        return self._go(self._read_key_start)
