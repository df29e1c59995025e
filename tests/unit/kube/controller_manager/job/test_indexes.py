"""Sets of completion indexes."""

import pytest

from kprov.kube.controller_manager.job.indexes import IndexRanges
from kprov.kube.controller_manager.job.success_policy import match_success_policy
from kprov.kube.machinery.json_object import JsonObject


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ([], ""),
        ([3], "3"),
        ([0, 1], "0,1"),
        ([0, 1, 2], "0-2"),
        ([0, 2, 3, 5, 6, 7, 9], "0,2,3,5-7,9"),
    ],
)
def test_text_of_indexes_is_upstreams(indexes: list[int], text: str) -> None:
    assert str(IndexRanges.of(indexes)) == text
    assert IndexRanges.parse(text, 100) == IndexRanges.of(indexes)


def test_parsing_cuts_at_the_completions_and_ignores_what_is_malformed() -> None:
    assert str(IndexRanges.parse("0,3-9,12", 6)) == "0,3-5"
    assert str(IndexRanges.parse("0,x,3-y,5", 10)) == "0,5"


def test_merging_joins_ranges_that_touch() -> None:
    merged = IndexRanges.parse("0-2,7,8", 10).merge(IndexRanges.of([3, 5, 9]))
    assert str(merged) == "0-3,5,7-9"
    assert len(merged) == 8
    assert [index in merged for index in (3, 4, 5, 6, 9, 10)] == [True, False, True, False, True, False]


def test_missing_indexes_come_in_order() -> None:
    taken = IndexRanges.parse("0,3-5", 10)
    assert taken.find_missing(3, 10) == [1, 2, 6]
    assert taken.find_missing(9, 7) == [1, 2, 6]
    assert taken.find_missing(0, 7) == []


@pytest.mark.parametrize(
    ("rules", "succeeded", "message"),
    [
        ([{"succeededIndexes": "0-2"}], "0-2", "Matched rules at index 0"),
        ([{"succeededIndexes": "0-2"}], "0,1", ""),
        ([{"succeededIndexes": "0-4", "succeededCount": 2}], "1,3", "Matched rules at index 0"),
        ([{"succeededIndexes": "0-4", "succeededCount": 2}], "1,7,8", ""),
        ([{"succeededIndexes": "9"}, {"succeededCount": 2}], "0,5", "Matched rules at index 1"),
        ([{"succeededCount": 1}], "", ""),
    ],
)
def test_success_policy(rules: list[JsonObject], succeeded: str, message: str) -> None:
    assert match_success_policy({"rules": rules}, 10, IndexRanges.parse(succeeded, 10)) == message
