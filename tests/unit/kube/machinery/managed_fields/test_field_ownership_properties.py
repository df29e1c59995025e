"""What holds for every server-side apply: ownership follows what was applied, and nothing else."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership, field_set
from kprov.kube.machinery.status import StatusError

Path = tuple[str, ...]

quick = settings(deadline=None, max_examples=60)

DEPLOYMENT = ("apps", "v1", "Deployment")
NOW, LATER = "2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z"

labels = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text("xy", max_size=2), min_size=1, max_size=3)
ports = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(1, 3), "protocol": st.sampled_from(["TCP", "UDP"])}),
    unique_by=lambda port: (port["containerPort"], port["protocol"]),
    min_size=1,
    max_size=3,
)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc")},
        optional={
            "image": st.text("xy", max_size=2),
            "tty": st.booleans(),
            "ports": ports,
            "command": st.lists(st.text("xy"), min_size=1, max_size=2),
        },
    ),
    unique_by=lambda each: each["name"],
    min_size=1,
    max_size=3,
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3),
        "paused": st.booleans(),
        "template": st.fixed_dictionaries({"spec": st.fixed_dictionaries({"containers": containers})}),
        "selector": st.fixed_dictionaries({"matchLabels": labels}),
    },
)
configurations = st.builds(lambda spec, marks: config(spec, marks), specs, st.none() | labels)


def config(spec: JsonObject, marks: JsonObject | None = None) -> JsonObject:
    metadata = {"name": "a"} if marks is None else {"name": "a", "labels": marks}
    found: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    return {**found, "spec": spec} if spec else found


def apply(
    live: JsonObject | None, applied: JsonObject, manager: str = "me", now: str = NOW, **more: Any
) -> JsonObject:
    return field_ownership.apply(live, applied, DEPLOYMENT, manager=manager, now=now, **more)


def owned(obj: JsonObject, manager: str) -> set[Path]:
    for entry in obj["metadata"].get("managedFields", ()):
        if entry["manager"] == manager:
            return field_set.decode_fields(entry["fieldsV1"])
    return set()


def bare(obj: JsonObject) -> JsonObject:
    return field_ownership.without_managed_fields(obj)


def leaves(value: Any, path: Path = ()) -> set[Path]:
    """Of a configuration as above: maps by name, containers and ports by their keys, all else as one, selectors too."""
    if isinstance(value, dict) and path[-1:] != ("f:selector",):
        found: set[Path] = set()
        for name, held in value.items():
            found |= leaves(held, (*path, f"f:{name}"))
        return found
    keys = {"f:containers": ("name",), "f:ports": ("containerPort", "protocol")}.get(path[-1] if path else "")
    if keys is None or not isinstance(value, list):
        return {path}
    found = set()
    for each in value:
        key = orjson.dumps({name: each[name] for name in keys}, option=orjson.OPT_SORT_KEYS).decode()
        item = (*path, f"k:{key}")
        found |= {item} | leaves(each, item)
    return found


def ownable(obj: JsonObject) -> set[Path]:
    """Nobody owns a name and a kind."""
    marks = {"labels": obj["metadata"]["labels"]} if "labels" in obj["metadata"] else {}
    return leaves({"metadata": marks, "spec": obj.get("spec", {})})


@quick
@given(configurations, configurations)
def test_applying_again_changes_nothing(first: JsonObject, second: JsonObject) -> None:
    live = apply(apply(None, first, "other"), second, force=True)
    assert apply(live, second, now=LATER) == live


@quick
@given(configurations)
def test_what_is_owned_is_what_was_applied(applied: JsonObject) -> None:
    result = apply(None, applied)
    assert owned(result, "me") == ownable(applied)
    assert bare(result) == applied


@quick
@given(specs, st.none() | labels)
def test_disjoint_configurations_commute(spec: JsonObject, marks: JsonObject | None) -> None:
    names = sorted(spec)
    one = config({name: spec[name] for name in names[::2]}, marks)
    two = config({name: spec[name] for name in names[1::2]})
    forward = apply(apply(None, one, "one"), two, "two")
    backward = apply(apply(None, two, "two"), one, "one")
    assert bare(forward) == bare(backward)
    assert {name: owned(forward, name) for name in ("one", "two")} == {
        name: owned(backward, name) for name in ("one", "two")
    }


@quick
@given(configurations, configurations)
def test_what_only_one_manager_applied_goes_with_its_configuration(
    first: JsonObject, second: JsonObject
) -> None:
    result = apply(apply(None, first), second)
    assert owned(result, "me") == owned(apply(None, second), "me")
    assert leaves(result.get("spec") or {}) == leaves(second.get("spec") or {})


@quick
@given(configurations, configurations)
def test_what_another_applied_stays(first: JsonObject, second: JsonObject) -> None:
    live = apply(apply(None, first, "one"), first, "two")
    result = apply(live, second, "one", force=True)
    assert owned(result, "two") <= ownable(result)
    assert owned(result, "one") == ownable(second)


@quick
@given(st.integers(0, 3), st.integers(0, 3))
def test_a_conflict_leaves_all_and_force_takes(before: int, wanted: int) -> None:
    assume(before != wanted)
    live = apply(None, config({"replicas": before, "paused": True}), "other")
    with pytest.raises(StatusError) as caught:
        apply(live, config({"replicas": wanted}))
    assert caught.value.code == 409
    forced = apply(live, config({"replicas": wanted}), force=True)
    assert forced["spec"]["replicas"] == wanted
    assert owned(forced, "me") == {("f:spec", "f:replicas")}
    assert owned(forced, "other") == {("f:spec", "f:paused")}


@quick
@given(configurations, configurations)
def test_ownership_survives_the_wire(first: JsonObject, second: JsonObject) -> None:
    result = apply(apply(None, first, "other"), second, force=True)
    for entry in result["metadata"].get("managedFields", ()):
        assert field_set.encode_fields(field_set.decode_fields(entry["fieldsV1"])) == entry["fieldsV1"]
