"""How a plan is shown: what hosts have in common once."""

from __future__ import annotations

from kprov.cli.commands.plan import render_blocks
from kprov.operations.plan import Plan
from kprov.playbook.results.changes import Change


def configured(host: str, port: int) -> Change:
    before, after = f"name: {host}\n\n\n\n\nport: 1\n", f"name: {host}\n\n\n\n\nport: {port}\n"
    return Change(host, "Configure", "p:1", "file", "/etc/x", diff=[{"before": before, "after": after}])


def test_hosts_that_would_change_alike_stand_together() -> None:
    restart = Change("b", "Restart", "h:1", "service", "x", "restarted")
    plan = Plan("/i", [configured("a", 2), configured("b", 2), configured("c", 2), restart], {})
    (first, lines), (second, more) = render_blocks(plan, summary=False)
    assert (first, second) == (["a", "c"], ["b"])
    assert ("           -port: 1", "red") in lines
    assert lines[0] == ("  file     /etc/x", "yellow")
    assert more[-1] == ("  service  x (restarted)", "yellow")
    assert [line for line, _ in render_blocks(plan, summary=True)[0][1]] == ["  file     /etc/x"]
