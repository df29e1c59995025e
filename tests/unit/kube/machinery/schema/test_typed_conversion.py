"""Values of a wrong type in a merged document, in the words of Go's converter."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.schema import object_schema, typed_conversion

NODE = object_schema.builtin().node(("apps", "v1", "Deployment"))


def template(**parts: Any) -> dict[str, Any]:
    return {"spec": {"template": parts}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"spec": {"replicas": "x"}}, "unrecognized type: int32"),
        ({"spec": {"replicas": True}}, "unrecognized type: int32"),
        ({"spec": {"replicas": 1.5}}, "cannot convert float64 to int32"),
        ({"spec": {"replicas": 2.0}}, None),
        ({"spec": "x"}, "cannot restore struct from: string"),
        ({"spec": {"paused": 1}}, "unrecognized type: bool"),
        (template(metadata={"labels": {"a": 1}}), "cannot convert int64 to string"),
        (template(metadata={"labels": {"a": True}}), "unrecognized type: string"),
        (template(metadata={"labels": "x"}), "cannot restore map from string"),
        (template(spec={"containers": {}}), "cannot restore slice from map"),
        (template(spec={"containers": [{"name": "c"}]}), None),
    ],
)
def test_typed_conversion_reports_the_first_wrong_type(document: dict[str, Any], words: str | None) -> None:
    assert typed_conversion.find_problem(NODE, document) == words


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (80.0, 80),
        (1e10, 1410065408),
        (2**31, -(2**31)),
        (2**63 - 1, -1),
        (2**63, 0),
        (1e20, 0),
        (1e18, -1486618624),
        (1.5, 1.5),
    ],
)
def test_typed_conversion_truncates_integers_to_32_bits(number: float, found: float) -> None:
    document = typed_conversion.convert_numbers(
        NODE, {"spec": {"replicas": number, "template": {"spec": {"x": 2.0}}}}
    )
    assert repr(document) == repr({"spec": {"replicas": found, "template": {"spec": {"x": 2.0}}}})
