"""Go writes null for an empty list, map or struct: each view decodes it as if the field were absent."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

import kprov.kube.api
from kprov.kube.api.core import EnvVar, Pod, Quantity, ResourceRequirements
from kprov.kube.api.decoding import ViewDecoder, convert
from kprov.kube.api.meta import View


def all_views() -> list[type[View]]:
    for module in pkgutil.walk_packages(kprov.kube.api.__path__, "kprov.kube.api."):
        importlib.import_module(module.name)
    return sorted(_subclasses(View), key=lambda view: f"{view.__module__}.{view.__qualname__}")


def _subclasses(view: type[View]) -> Iterator[type[View]]:
    for each in view.__subclasses__():
        yield each
        yield from _subclasses(each)


VIEWS = all_views()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view.__module__}.{view.__qualname__}")
def test_a_view_whose_fields_are_all_null_equals_an_empty_one(view: type[View]) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(view)]
    decoded = ViewDecoder(view).decode(orjson.dumps(dict.fromkeys(names)))
    for field in msgspec.structs.fields(view):
        value, absent = getattr(decoded, field.name), getattr(view(), field.name)
        # A field that knows "unset" as None may tell null from absent: both mean unset.
        assert value == absent or (value is None and _takes_none(field.type)), field.name


@given(st.data())
def test_a_null_anywhere_in_an_object_equals_an_absent_field(data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(VIEWS))
    with_nulls, without = data.draw(pairs(inspect.type_info(view)))
    decoder = ViewDecoder(view)
    assert decoder.decode(orjson.dumps(with_nulls)) == decoder.decode(orjson.dumps(without))
    assert convert(with_nulls, view) == decoder.decode(orjson.dumps(without))


def test_null_elements_are_zero_values_as_go_reads_them() -> None:
    pod = ViewDecoder(Pod).decode(
        b'{"metadata": {"finalizers": [null], "labels": {"a": null}}, "spec": {"containers": [null, {"env": [{"name": "A", "value": null}]}]}}'
    )
    assert pod.metadata.finalizers == [""]
    assert pod.metadata.labels == {"a": ""}
    assert [container.env for container in pod.spec.containers] == [[], [EnvVar(name="A")]]


def test_plain_dicts_in_views_keep_their_nulls() -> None:
    """A plain document (a volume, a template) is sent on: a null in it may have a meaning there."""
    pod = ViewDecoder(Pod).decode(b'{"spec": {"containers": null, "volumes": [{"emptyDir": null}]}}')
    assert pod.spec.volumes == [{"emptyDir": None}]


@pytest.mark.parametrize("content", [b'{"spec": {"containers": 7}}', b'{"spec": {"containers": [}'])
def test_wrong_type_is_refused(content: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        ViewDecoder(Pod).decode(content)


def test_a_document_that_is_null_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ViewDecoder(Pod).decode(b"null")


def test_quantities_keep_their_form() -> None:
    decoded = convert({"limits": {"cpu": 1, "memory": "2Gi"}, "requests": None}, ResourceRequirements)
    expected: dict[str, Quantity] = {"cpu": 1, "memory": "2Gi"}
    assert decoded.limits == expected


def _takes_none(annotation: Any) -> bool:
    info = inspect.type_info(annotation)
    return isinstance(info, inspect.AnyType) or (isinstance(info, inspect.UnionType) and info.includes_none)


def pairs(info: inspect.Type) -> st.SearchStrategy[tuple[Any, Any]]:
    """A value of the type with nulls where Go may write them, and the same value without these fields."""
    if isinstance(info, inspect.StructType):
        return st.fixed_dictionaries(
            {}, optional={field.encode_name: _nullable(field.type) for field in info.fields}
        ).map(_split)
    if isinstance(info, inspect.ListType):
        return st.lists(pairs(info.item_type), max_size=2).map(
            lambda items: ([item[0] for item in items], [item[1] for item in items])
        )
    if isinstance(info, inspect.DictType):
        return st.dictionaries(st.text(max_size=3), pairs(info.value_type), max_size=2).map(
            lambda items: (
                {key: item[0] for key, item in items.items()},
                {key: item[1] for key, item in items.items()},
            )
        )
    if isinstance(info, inspect.UnionType):
        kinds = [each for each in info.types if not isinstance(each, inspect.NoneType)]
        return st.one_of([pairs(each) for each in kinds])
    return _SCALARS[type(info)].map(lambda value: (value, value))


_ABSENT = object()


def _nullable(info: inspect.Type) -> st.SearchStrategy[tuple[Any, Any]]:
    takes_none = isinstance(info, inspect.AnyType) or (
        isinstance(info, inspect.UnionType) and info.includes_none
    )
    null = st.just((None, None if takes_none else _ABSENT))
    return st.one_of(null, pairs(info))


def _split(fields: dict[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {name: pair[0] for name, pair in fields.items()},
        {name: pair[1] for name, pair in fields.items() if pair[1] is not _ABSENT},
    )


_SCALARS: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
    inspect.StrType: st.text(max_size=3),
    inspect.IntType: st.integers(-(2**31), 2**31),
    inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False),
    inspect.BoolType: st.booleans(),
    inspect.AnyType: st.sampled_from([None, 1, "text", [None], {"a": None}]),
}
