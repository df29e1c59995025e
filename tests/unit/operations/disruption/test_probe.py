"""The probe records the longest gaps; budgets are read from NAME=SECONDS."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kprov.errors import InputError
from kprov.operations.disruption import probe
from kprov.operations.disruption.targets import DISRUPTIONS, read_budgets


def test_the_gap_that_lasts_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=lambda: now[0]))
    gaps = probe.Gaps()
    for moment in (100.2, 100.4, 103.4, 103.6):
        now[0] = moment
        gaps.succeed()
    assert (gaps.count, round(gaps.read_longest(), 1)) == (4, 3.0)
    now[0] = 110.0
    assert round(gaps.read_longest(), 1) == 6.4


def test_a_lease_without_a_leader_counts_by_the_times_of_its_renewals() -> None:
    gaps = probe.LeaseGaps()
    for holder, second in (("a", "10.0"), ("a", "12.0"), ("", "12.0"), ("b", "29.5"), ("b", "31.5")):
        gaps.observe({"holderIdentity": holder, "renewTime": f"2026-05-01T12:00:{second}00000Z"})
    assert (gaps.longest, gaps.holder) == (17.5, "b")


def test_the_probe_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(probe.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_budgets_replace_the_default_ones() -> None:
    budgets = read_budgets(["host=60", "api_server=0.5"])
    assert (budgets["host"], budgets["api_server"]) == (60.0, 0.5)
    assert set(budgets) == {disruption.name for disruption in DISRUPTIONS}


@pytest.mark.parametrize("text", ["host", "host=", "hosts=3", "host=-1", "host=0", "host=inf", "host=nan"])
def test_a_wrong_budget_is_an_error_of_the_option(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget.*etcd_leader"):
        read_budgets([text])
