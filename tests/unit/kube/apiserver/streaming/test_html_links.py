"""Pages of a backend behind pods/proxy: their links lead through the proxy."""

from __future__ import annotations

import gzip
from functools import partial

import pytest

from kprov.kube.apiserver.streaming import html_links
from kprov.kube.apiserver.streaming.forward import rewrite_location

PREFIX = "/api/v1/namespaces/x/pods/p:80/proxy"
link = partial(rewrite_location, backend="10.0.0.1:80", host="api", prefix=PREFIX)


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
        ("<input disabled>", '<input disabled="">'),
    ],
)
def test_the_links_of_a_page(page: str, wanted: str) -> None:
    assert html_links.rewrite_page(page.encode(), "", link).decode() == wanted


def test_a_page_that_is_packed() -> None:
    packed = html_links.rewrite_page(gzip.compress(b'<a href="/a">'), "gzip", link)
    assert gzip.decompress(packed).decode() == f'<a href="{PREFIX}/a">'


def test_bytes_that_are_no_text_stay() -> None:
    assert html_links.rewrite_page(b"\xff<br>\xfe", "", link) == b"\xff<br>\xfe"


def test_what_is_a_page() -> None:
    assert html_links.is_page({"Content-Type": "text/html; charset=utf-8"})
    assert not html_links.is_page({"Content-Type": "text/plain"})
    assert not html_links.is_page({"Content-Type": "text/html", "Content-Encoding": "br"})
