"""What changes of packages report."""

from __future__ import annotations

from kprov.agent.apt import package_changes


def test_a_diff_is_what_apt_get_says_it_will_do() -> None:
    out = "Reading package lists...\nReading state information...\nThe following:\n  nano\n0 upgraded, 1 newly\nGet:1"
    assert package_changes.make_diff(out) == {"prepared": "The following:\n  nano\n0 upgraded, 1 newly"}
