"""Which parts of rules are not covered by others: compared with upstream's expansion, and within bounds."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.apiserver.authz import rule_coverage
from kprov.kube.apiserver.authz.rule_coverage import TooManyRulesError, Uncovered

Rule = dict[str, Any]


def rule(groups: list[str], resources: list[str], verbs: list[str], *names: str) -> Rule:
    made: Rule = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    return made | ({"resourceNames": list(names)} if names else {})


def compare(have: list[Rule], wanted: list[Rule]) -> Uncovered:
    return rule_coverage.find_uncovered(have, wanted, 1_000, 100_000)


def find_uncovered(have: list[Rule], wanted: list[Rule]) -> list[Rule]:
    found = compare(have, wanted)
    assert not found.has_more
    return found.parts


def expand(rule: Rule) -> list[Rule]:
    names = [{"resourceNames": [name]} for name in rule.get("resourceNames") or ()]
    parts: list[Rule] = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb], **name}
        for group, resource, verb, name in product(
            rule.get("apiGroups") or (), rule.get("resources") or (), rule.get("verbs") or (), names or ({},)
        )
    ]
    return parts + [
        {"nonResourceURLs": [path], "verbs": [verb]}
        for path, verb in product(rule.get("nonResourceURLs") or (), rule.get("verbs") or ())
    ]


def covers(owned: Rule, part: Rule) -> bool:
    """Upstream's ruleCovers, for a part of one combination."""

    def has(name: str, star: str = "*") -> bool:
        values = owned.get(name) or []
        return star in values or all(value in values for value in part.get(name) or ())

    resources = owned.get("resources") or []
    names = owned.get("resourceNames")
    return (
        has("verbs")
        and has("apiGroups")
        and (
            has("resources")
            or all(
                value in resources or ("/" in value and f"*/{value.split('/', 1)[1]}" in resources)
                for value in part.get("resources") or ()
            )
        )
        and (not names or bool(part.get("resourceNames") and has("resourceNames", star="\0")))
        and all(
            any(
                path == owned_path or (owned_path.endswith("*") and path.startswith(owned_path.rstrip("*")))
                for owned_path in owned.get("nonResourceURLs") or ()
            )
            for path in part.get("nonResourceURLs") or ()
        )
    )


def subset(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3)


RULES = st.one_of(
    st.fixed_dictionaries(
        {
            "apiGroups": subset("", "apps", "*"),
            "resources": subset("pods", "pods/log", "*/log", "nodes", "*"),
            "verbs": subset("get", "list", "*"),
        },
        optional={"resourceNames": subset("a", "b", "*")},
    ),
    st.fixed_dictionaries(
        {
            "nonResourceURLs": subset("/a", "/a/*", "/a/b", "/a*", "/a/b/*", "*"),
            "verbs": subset("get", "put", "*"),
        }
    ),
)


@given(st.lists(RULES, max_size=5), st.lists(RULES, max_size=3))
def test_the_uncovered_parts_are_those_of_an_expansion(have: list[Rule], wanted: list[Rule]) -> None:
    parts = [part for each in wanted for part in expand(each)]
    expected = [part for part in parts if not any(covers(owned, part) for owned in have)]
    assert find_uncovered(have, wanted) == expected


def test_rules_together_cover_what_no_single_one_does() -> None:
    have = [rule([""], ["pods"], ["get"]), rule([""], ["pods", "nodes"], ["list"])]
    assert find_uncovered(have, [rule([""], ["pods"], ["get", "list"])]) == []


def test_a_right_on_one_name_does_not_cover_all_names() -> None:
    wanted = rule([""], ["secrets"], ["get"])
    assert find_uncovered([rule([""], ["secrets"], ["get"], "a")], [wanted]) == [wanted]
    assert find_uncovered([wanted], [rule([""], ["secrets"], ["get"], "a")]) == []


def test_a_star_is_covered_only_by_a_star() -> None:
    assert find_uncovered([rule([""], ["pods"], ["get"])], [rule([""], ["pods"], ["*"])])
    assert not find_uncovered([rule(["*"], ["*"], ["*"])], [rule([""], ["*"], ["*"])])


def test_the_first_of_many_combinations_are_listed() -> None:
    """A product of 200 elements in each of four lists has 1.6 billion combinations."""
    values = [f"v{number}" for number in range(200)]
    found = compare([], [rule(values, values, values, *values)])
    assert found.parts[1] == rule(["v0"], ["v0"], ["v0"], "v1")
    assert (len(found.parts), found.has_more) == (1_000, True)


def test_many_combinations_that_are_covered_are_compared_as_sets() -> None:
    values = [f"v{number}" for number in range(200)]
    have = [rule(values, ["*"], values[:100]), rule(["*"], values, values[100:])]
    assert compare(have, [rule(values, values, values, *values)]) == ([], False)


def test_the_listed_parts_are_bounded_in_characters() -> None:
    names = ["x" * 60_000 + str(number) for number in range(10)]
    found = compare([], [rule([""], ["pods"], ["get"], *names)])
    assert (len(found.parts), found.has_more) == (2, True)


def test_combinations_that_differ_in_what_covers_them_are_bounded() -> None:
    """Each element is covered by all rules but one, so no two elements are alike."""
    values = [f"v{number}" for number in range(120)]
    have = [
        {
            field: [value for value in values if value != left_out]
            for field in ("apiGroups", "resources", "verbs")
        }
        for left_out in values
    ]
    with pytest.raises(TooManyRulesError):
        compare(have, [rule(values, values, values, *values)])


def test_many_small_rules_are_compared_with_many_others() -> None:
    have = [rule([""], ["pods"], ["get"], f"n{number}") for number in range(1_000)]
    wanted = [rule([""], ["pods"], ["get"], f"n{number}") for number in range(5_001)]
    assert find_uncovered(have, wanted[:1_001]) == wanted[1_000:1_001]
    found = compare(have, wanted)
    assert (found.parts, found.has_more) == (wanted[1_000:2_000], True)
