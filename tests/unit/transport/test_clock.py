"""When a host's clock is said to be wrong, and that it is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.transport import clock
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Options


@pytest.mark.parametrize(
    ("host", "seconds"),
    [(100.0, 0.0), (109.9, 0.0), (112.0, 2.0), (90.0, -10.0)],
    ids=["at the first moment", "at the last one", "ahead", "behind"],
)
def test_what_a_slow_way_explains_is_no_difference(host: float, seconds: float) -> None:
    assert clock.clock_skew(host, begun=100.0, now=110.0) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (31.0, "its clock is 31 seconds ahead of this machine's"),
        (-61.0, "its clock is 1 minute 1 second behind this machine's"),
        (-2 * 86400 - 3 * 3600 - 59, "its clock is 2 days 3 hours behind this machine's"),
        (-7 * 86400 + 1.5, "its clock is 7 days behind this machine's"),
        (86400.0 + 5, "its clock is 1 day ahead of this machine's"),
    ],
)
def test_a_clock_difference_is_printed_in_its_two_largest_units(seconds: float, said: str) -> None:
    text = clock.skew_warning(seconds)
    assert text is not None
    assert text.startswith(said + ":")
    assert "synchronize its clock" in text


@pytest.mark.parametrize("seconds", [0.0, 29.9, -29.9])
def test_a_small_clock_difference_gives_no_warning(seconds: float) -> None:
    assert clock.skew_warning(seconds) is None


#: A Python whose clock is an hour and a half late.
LATE = """#!/usr/bin/env python3
import sys, time
now = time.time
time.time = lambda: now() - 5400
begin = sys.argv.index("-c") + 1
code, sys.argv = sys.argv[begin], ["-c", *sys.argv[begin + 1:]]
exec(compile(code, "-c", "exec"), {"__name__": "__main__"})
"""


def test_a_host_is_warned_about_once_however_often_it_is_connected_to(tmp_path: Path) -> None:
    late = tmp_path / "late"
    late.write_text(LATE)
    late.chmod(0o700)
    heard: list[tuple[str, str]] = []
    options = Options(name="here", address="localhost", local=True, python=str(late))
    with Connections(lambda _: options, lambda host, text: heard.append((host, text))) as connections:
        assert connections.get("here").agent().clock_skew == pytest.approx(-5400, abs=60)
        connections.drop("here")
        connections.get("here").agent()
        connections.get('here\0{"ansible_port": 23}').agent()
    assert [host for host, _ in heard] == ["here"]
    assert heard[0][1].startswith("its clock is 1 hour ")
