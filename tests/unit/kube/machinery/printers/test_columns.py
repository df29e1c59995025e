"""The table of columns as typed values."""

from __future__ import annotations

import msgspec
import pytest

from kprov.kube.machinery.printers.columns import Column, ColumnTable, load_columns


def test_a_column_that_names_only_its_text_has_a_string_that_is_always_shown() -> None:
    columns = load_columns().find("policy", "PodDisruptionBudget")
    assert columns is not None
    text = "The minimum number of pods that must be available."
    assert columns[1] == Column("Min Available", "string", "", 0, text)


def test_common_columns_are_the_same_everywhere() -> None:
    table = load_columns()
    columns = table.find("", "Pod")
    assert columns is not None
    assert columns[0] == table.common["name"]
    assert table.common["name"].description_of == "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name"


def test_a_kind_without_columns_of_its_own_has_none() -> None:
    assert load_columns().find("", "ConfigMap") is not None
    assert load_columns().find("coordination.k8s.io", "Other") is None


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `prio`"):
        msgspec.convert({"common": {"name": {"name": "Name", "prio": 1}}, "kinds": {}}, ColumnTable)
