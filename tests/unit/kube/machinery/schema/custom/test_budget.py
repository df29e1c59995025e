"""A budget that several walks share."""

from __future__ import annotations

from kprov.kube.machinery.schema.custom.budget import Budget


def test_steps_end_with_the_budget() -> None:
    budget = Budget(2)
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
