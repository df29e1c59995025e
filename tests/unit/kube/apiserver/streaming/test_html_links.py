"""Pages of a backend behind pods/proxy: their links lead through the proxy."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from functools import partial
from time import thread_time

import pytest

from kprov.kube.apiserver.streaming import html_links
from kprov.kube.apiserver.streaming.encodings import InvalidEncodingError
from kprov.kube.apiserver.streaming.forward import rewrite_location

PREFIX = "/api/v1/namespaces/x/pods/p:80/proxy"
ATTRIBUTES = 64 * 1024
link = partial(rewrite_location, backend="10.0.0.1:80", host="api", prefix=PREFIX)


async def rewritten(page: bytes, encoding: str = "", *, size: int = 1000) -> bytes:
    """The page, of which `size` bytes arrive at a time."""

    async def arrive() -> AsyncIterator[bytes]:
        for start in range(0, len(page), size):
            yield page[start : start + size]

    return b"".join([piece async for piece in html_links.rewrite_page(arrive(), encoding, link)])


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ('<a href="/rewriteme">test</a>', f'<a href="{PREFIX}/rewriteme">test</a>'),
        ("<A HREF='/a?b=1&amp;c'>t</A>", f'<a href="{PREFIX}/a?b=1&amp;c">t</A>'),
        ('<a href="http://10.0.0.1:80/a">', f'<a href="{PREFIX}/a">'),
        (f'<a href="{PREFIX}/a">', f'<a href="{PREFIX}/a">'),
        ('<a href="b">', '<a href="b">'),
        ('<a href="https://other/a">', '<a href="https://other/a">'),
        ('<a href="http://[x/a">', '<a href="http://[x/a">'),
        ('é\n<p class=x>\n<img src="/i" alt="/i"/>', f'é\n<p class="x">\n<img src="{PREFIX}/i" alt="/i"/>'),
        ('<!-- <a href="/a"> -->&eacute;<br>', '<!-- <a href="/a"> -->&eacute;<br>'),
        ("<script>\"<a href='/a'>\"</script>", "<script>\"<a href='/a'>\"</script>"),
        ("<br/><br /><a b/c>", '<br/><br/><a b="" c="">'),
        ("<a b = 'c' d>x</a b='>'>y", '<a b="c" d="">x</a b=\'>\'>y'),
        (
            "<!><!doctype html><?x <a href=/a>?></ a><!-->-->",
            "<!><!doctype html><?x <a href=/a>?></ a><!-->-->",
        ),
        ("<!---><a href=/a>", f'<!---><a href="{PREFIX}/a">'),
        ("<title><a href=/a></TITLE ><a href=/a>", f'<title><a href=/a></TITLE ><a href="{PREFIX}/a">'),
        ("1 < 2 <- <3 <", "1 < 2 <- <3 <"),
        ("<a =x href=/a>", f'<a =x="" href="{PREFIX}/a">'),
        ("<a href='/cut", "<a href='/cut"),
        ("<plaintext></plaintext><a href=/a>", "<plaintext></plaintext><a href=/a>"),
        ("<input disabled>", '<input disabled="">'),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 100_000])
async def test_the_links_of_a_page(page: str, wanted: str, size: int) -> None:
    assert (await rewritten(page.encode(), size=size)).decode() == wanted


async def test_a_page_in_an_encoding_is_rewritten_in_it() -> None:
    page = b"<p>" * 50_000 + b'<a href="/a">'
    wanted = b"<p>" * 50_000 + f'<a href="{PREFIX}/a">'.encode()
    packed = await rewritten(gzip.compress(page), "gzip", size=1000)
    assert gzip.decompress(packed) == wanted
    packer = zlib.compressobj(wbits=-15)
    packed = await rewritten(packer.compress(page) + packer.flush(), "deflate", size=1000)
    assert zlib.decompress(packed, -15) == wanted


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_page_without_the_encoding_of_its_header_is_an_error(encoding: str) -> None:
    with pytest.raises(InvalidEncodingError):
        await rewritten(b"\xff\xff<a>", encoding)


async def test_bytes_that_are_not_utf_8_do_not_change() -> None:
    assert await rewritten(b"\xff<br>\xfe") == b"\xff<br>\xfe"
    assert await rewritten(b"<a title='\xff&amp;' \xfe=1>") == b'<a title="\xff&amp;" \xfe="1">'


async def test_a_reference_to_a_character_of_5000_digits_does_not_change() -> None:
    value = b"&#" + b"9" * 5000
    assert await rewritten(b"<a href='%b'>" % value) == b'<a href="&amp;#%b">' % value[2:]


@pytest.mark.parametrize(
    "part",
    [
        b"<a ", b"<", b"<a b=", b"<a b='", b"<!--", b"<!-- -", b"</", b"</a ", b"<script>", b"<script></", b"<a/", b"<a\n",
        b"<a href=/&", b"&#", b"<a>", b'<a href="/x">', b"a ", b"<!", b"<a b = ", b"=", b"<plaintext>",
    ],
)  # fmt: skip
async def test_hostile_html_costs_linear_time_and_bounded_memory(part: bytes) -> None:
    """20 KB of `<a ` took 39 s before."""
    page = part * (160 * 1024 // len(part))
    arrived = sent = held = 0

    async def arrive() -> AsyncIterator[bytes]:
        nonlocal arrived
        for start in range(0, len(page), 1000):
            arrived = start
            yield page[start : start + 1000]

    begin = thread_time()
    async for piece in html_links.rewrite_page(arrive(), "", link):
        sent += len(piece)
        held = max(held, arrived - sent)
    assert thread_time() - begin < 5
    assert held <= ATTRIBUTES + 2000


async def test_other_work_goes_on_while_a_page_is_rewritten() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await rewritten(gzip.compress(b'<a href="/x">' * 100_000), "gzip", size=1 << 20)
    counting.cancel()
    assert turns >= 100


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        (b"<a href='%b'>" % (b"/" * 100_000), b"<a href='%b'>" % (b"/" * 100_000)),
        (b"<a %b=1 href=/b>", b'<a %b=1 href="PREFIX/b">'),
        (b"<a%b href=/b>", b'<a%b href="/b">'),
        (b"<a title='%b' href=/b>", b"<a title='%b' href=\"PREFIX/b\">"),
    ],
)
async def test_an_attribute_of_more_than_64_kib_is_copied(page: bytes, wanted: bytes) -> None:
    long = b"x" * 100_000
    page, wanted = page.replace(b"%b", long), wanted.replace(b"%b", long)
    assert await rewritten(page, size=1000) == wanted.replace(b"PREFIX", PREFIX.encode())


def test_what_is_a_page() -> None:
    assert html_links.is_page({"Content-Type": "text/html; charset=utf-8"})
    assert not html_links.is_page({"Content-Type": "text/plain"})
    assert not html_links.is_page({"Content-Type": "text/html", "Content-Encoding": "br"})
