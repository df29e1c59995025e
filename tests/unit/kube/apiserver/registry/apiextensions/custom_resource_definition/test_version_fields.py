"""Subresources, printer columns and deprecation warnings."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import version_fields

SCALE = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
COLUMN = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}


@pytest.mark.parametrize(
    ("holder", "fields"),
    [
        ({"subresources": {"status": {}, "scale": SCALE}, "additionalPrinterColumns": [COLUMN]}, []),
        ({"subresources": {"scale": {}}}, ["specReplicasPath", "statusReplicasPath"]),
        ({"subresources": {"scale": SCALE | {"specReplicasPath": ".status.a"}}}, ["specReplicasPath"]),
        ({"subresources": {"scale": SCALE | {"labelSelectorPath": "spec.a"}}}, ["labelSelectorPath"]),
        ({"additionalPrinterColumns": [COLUMN | {"type": "float"}]}, ["type"]),
        ({"additionalPrinterColumns": [COLUMN | {"format": "long"}]}, ["format"]),
        ({"additionalPrinterColumns": [COLUMN | {"jsonPath": "spec.size"}]}, ["JSONPath"]),
        ({"additionalPrinterColumns": [{}]}, ["name", "type", "JSONPath"]),
    ],
)
def test_subresources_and_columns(holder: dict[str, Any], fields: list[str]) -> None:
    errors = [error.field.rpartition(".")[2] for error in version_fields.check_fields(holder, "v")]
    assert errors == fields


@pytest.mark.parametrize(
    ("version", "is_valid"),
    [
        ({"deprecated": True, "deprecationWarning": "use v2"}, True),
        ({"deprecated": True}, True),
        ({"deprecationWarning": "use v2"}, False),
        ({"deprecated": True, "deprecationWarning": ""}, False),
        ({"deprecated": True, "deprecationWarning": "a" * 257}, False),
        ({"deprecated": True, "deprecationWarning": "a\tb"}, False),
    ],
)
def test_deprecation_warnings(version: dict[str, Any], *, is_valid: bool) -> None:
    assert (not list(version_fields.check_deprecation(version, "v"))) == is_valid
