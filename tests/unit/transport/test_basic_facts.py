"""Facts of a connected host are used as they are only if they have the form of such facts."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.transport.basic_facts import find_problem

FACTS: dict[str, Any] = {
    "ansible_effective_user_id": 0,
    "ansible_user_id": "root",
    "ansible_distribution": "Red Hat Enterprise Linux",
    "ansible_distribution_version": "9.4",
    "ansible_distribution_major_version": "9",
    "ansible_python_version": "3.14.0rc2+",
    "ansible_architecture": "x86_64",
}


@pytest.mark.parametrize("version", ["12.5", "testing/unstable", "24.04", "n/a", "20251101-SNAPSHOT"])
def test_facts_of_a_host_are_accepted(version: str) -> None:
    assert find_problem({**FACTS, "ansible_distribution_version": version}) is None


@pytest.mark.parametrize("name", FACTS)
def test_a_missing_fact_is_named(name: str) -> None:
    facts = {key: value for key, value in FACTS.items() if key != name}
    assert find_problem(facts) == f"its facts cannot be used: {name} is missing"


@pytest.mark.parametrize(
    "value", [None, 5.5, True, [], ["x"], {}, {"x": 1}, "", "\n", "../../x", "x" * 5000, "a\0b"]
)
@pytest.mark.parametrize("name", FACTS)
def test_a_fact_of_another_form_is_named(name: str, value: Any) -> None:
    if "_distribution" in name and value == "../../x":
        return  # Versions of Debian have slashes; none of these names a file here.
    problem = find_problem({**FACTS, name: value})
    assert problem is not None
    assert f"{name} is " in problem
    assert len(problem) < 250


@pytest.mark.parametrize("facts", [None, 5, [], "x"])
def test_facts_that_are_no_mapping_are_refused(facts: Any) -> None:
    assert find_problem(facts) == f"its facts are {facts!r}"
