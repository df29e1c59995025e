"""Lines for the shell of a host that has no Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.errors import NoPythonError, PreflightError
from kprov.transport.connections import Connection, Connections
from kprov.transport.options.host_options import Become, Options


@pytest.fixture
def here() -> Iterator[Connection]:
    options = Options(name="here", address="localhost", local=True, python="/nonexistent/python3")
    with Connections(lambda _: options) as connections:
        yield connections.get("here")


def test_no_agent_starts_and_the_error_says_how_python_comes_there(here: Connection) -> None:
    with pytest.raises(NoPythonError, match=r"install python with ansible\.builtin\.raw"):
        here.agent()


def test_a_line_gives_its_code_and_both_outputs(here: Connection) -> None:
    ended = here.bare(None, 'echo "it\'s" out; echo err >&2; cat; exit 3', "/bin/sh")
    assert (ended.code, ended.out, ended.err) == (3, "it's out\n", "err\n")


def test_a_signal_gives_the_exit_code_of_a_shell(here: Connection) -> None:
    assert here.bare(None, "kill -9 $$", "/bin/sh").code == 137


def test_much_output_of_both_kinds_stops_nothing(here: Connection) -> None:
    script = "yes err | head -c 300000 >&2; yes out | head -c 300000"
    ended = here.bare(None, script, "/bin/sh")
    assert (len(ended.out), len(ended.err)) == (300_000, 300_000)


def test_a_mistake_in_the_line_is_the_lines_own(here: Connection) -> None:
    ended = here.bare(None, "if then", "/bin/sh")
    assert (ended.code, ended.out) == (2, "")
    assert "yntax error" in ended.err


def test_a_failed_become_is_reported(here: Connection) -> None:
    with pytest.raises(PreflightError, match="not installed on the host"):
        here.bare(Become(user="nobody", exe="sudo-none"), "id", "/bin/sh")
