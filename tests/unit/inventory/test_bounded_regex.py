"""Regular expressions give what `re` gives, and end: at once, or in a process with a limit."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.inventory import bounded_regex
from kprov.inventory.host_patterns import match_hosts
from kprov.inventory.model import Host, Inventory

HOSTILE = "a" * 60 + "!"
ENDLESS = ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(a*)*b", "(?=(a+)+$)a", "(.*a){25}$", "a?" * 60 + "a" * 61]


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit a search to a tenth of a second, in new processes."""
    bounded_regex.end_workers()
    monkeypatch.setattr(bounded_regex, "SECONDS", 0.1)


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_backtracks_without_end_is_interrupted(pattern: str) -> None:
    with pytest.raises(
        bounded_regex.RegexLimitError, match=r"took more than 0.1 s on a text of 61 characters"
    ):
        bounded_regex.find("search", pattern, HOSTILE)


def test_a_polynomial_pattern_is_interrupted_on_a_long_text() -> None:
    with pytest.raises(bounded_regex.RegexLimitError, match="took more than"):
        bounded_regex.find("search", r"\s*\s*\s*x", " " * 20_000)


def test_the_process_of_an_interrupted_search_does_the_next_one() -> None:
    with pytest.raises(bounded_regex.RegexLimitError):
        bounded_regex.find("search", "(a+)+$", HOSTILE)
    assert bounded_regex.find("search", "(a+)+", HOSTILE) == ["a" * 60]


def test_a_replacement_that_fills_the_memory_is_refused() -> None:
    with pytest.raises(bounded_regex.RegexLimitError, match="needed too much memory"):
        bounded_regex.substitute("x", "y" * 100_000, "x" * 1_000_000)


def test_an_endless_host_pattern_is_an_error_of_the_pattern() -> None:
    inventory = Inventory(path=Path("hosts"))
    inventory.hosts[HOSTILE] = Host(HOSTILE)
    with pytest.raises(InputError, match=r"'\(a\+\)\+\$' took more than 0.1 s on \d texts"):
        match_hosts(inventory, "~(a+)+$")


def test_an_endless_search_does_not_stop_another_thread() -> None:
    """A search that is interrupted later leaves the interpreter to the others."""
    errors: list[BaseException] = []

    def search() -> None:
        try:
            bounded_regex.find("search", "(a+)+$", HOSTILE)
        except bounded_regex.RegexLimitError as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert bounded_regex.find("search", "(b+)+", "bbb") == ["bbb"]
    for thread in threads:
        thread.join()
    assert len(errors) == 3


PATTERNS = [r"(\w+)-(\d+)", r"((\d+)\.)+(\d+)", r"(?P<name>a|b)*(x)?", r"", r"^.*$", r"[^\s]+"]
TEXTS = ["web-01 db-2", "1.36.0", "abab", "", "line\nline 2\n", "é-1 \udc80", "{{ x }}"]


@pytest.mark.parametrize("free_steps", [0, bounded_regex.FREE_STEPS])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_results_are_those_of_re(monkeypatch: pytest.MonkeyPatch, pattern: str, free_steps: int) -> None:
    """Here and in the process."""
    monkeypatch.setattr(bounded_regex, "FREE_STEPS", free_steps)
    for text in TEXTS:
        match = re.search(pattern, text, re.MULTILINE)
        assert bounded_regex.find("search", pattern, text, re.MULTILINE) == (match and [match.group()])
        assert bounded_regex.find_all(pattern, text) == re.findall(pattern, text)
        assert bounded_regex.substitute(pattern, r"<\g<0>>", text, 0, 2) == re.subn(
            pattern, r"<\g<0>>", text, count=2
        )
        assert bounded_regex.matches("fullmatch", pattern, text) is bool(re.fullmatch(pattern, text))
    assert bounded_regex.filter_texts("match", pattern, TEXTS) == [
        text for text in TEXTS if re.match(pattern, text)
    ]


@pytest.mark.parametrize("free_steps", [0, bounded_regex.FREE_STEPS])
def test_mistakes_are_those_of_re(monkeypatch: pytest.MonkeyPatch, free_steps: int) -> None:
    monkeypatch.setattr(bounded_regex, "FREE_STEPS", free_steps)
    with pytest.raises(re.error, match="unterminated subpattern"):
        bounded_regex.find("search", "(a", "a")
    with pytest.raises(IndexError, match="no such group"):
        bounded_regex.find("search", "a", "a", 0, (3,))
