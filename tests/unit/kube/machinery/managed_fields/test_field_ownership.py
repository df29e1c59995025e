from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import entries as managed_entries
from kprov.kube.machinery.managed_fields import field_ownership, field_set
from kprov.kube.machinery.status import StatusError

Gvk = tuple[str, str, str]


DEPLOYMENT = ("apps", "v1", "Deployment")
CONFIG_MAP = ("", "v1", "ConfigMap")
NOW = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:05:05Z"


def deployment(**spec: Any) -> JsonObject:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}


def containers(*items: JsonObject) -> JsonObject:
    return {"template": {"spec": {"containers": list(items)}}}


def config(**data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def created(obj: JsonObject, manager: str = "kubectl-create", gvk: Gvk = DEPLOYMENT) -> JsonObject:
    copy: JsonObject = orjson.loads(orjson.dumps(obj))
    field_ownership.update(None, copy, gvk, manager=manager, now=NOW)
    return copy


def apply(
    live: JsonObject | None, applied: JsonObject, manager: str = "me", gvk: Gvk = DEPLOYMENT, **options: Any
) -> JsonObject:
    return field_ownership.apply(live, applied, gvk, manager=manager, now=LATER, **options)


def owned(obj: JsonObject, manager: str) -> set[tuple[str, ...]]:
    for entry in obj["metadata"].get("managedFields", ()):
        if entry["manager"] == manager:
            return field_set.decode_fields(entry["fieldsV1"])
    return set()


def test_a_create_owns_what_it_sets_but_not_name_and_kind() -> None:
    entry = created(config(k="v"), gvk=CONFIG_MAP)["metadata"]["managedFields"]
    assert entry == [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "v1",
            "time": NOW,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:k": {}}},
        }
    ]


def test_a_conflict_names_manager_and_field() -> None:
    live = created(deployment(replicas=3))
    with pytest.raises(StatusError) as caught:
        apply(live, deployment(replicas=5))
    assert caught.value.code == 409
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.replicas'
    )
    assert caught.value.status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-create" using apps/v1',
            "field": ".spec.replicas",
        }
    ]


def test_force_takes_the_field_from_its_owner() -> None:
    live = created(deployment(replicas=3, paused=True))
    result = apply(live, deployment(replicas=5), force=True)
    assert result["spec"] == {"replicas": 5, "paused": True}
    assert owned(result, "kubectl-create") == {("f:spec", "f:paused")}
    assert owned(result, "me") == {("f:spec", "f:replicas")}


def test_the_same_value_is_owned_together() -> None:
    live = created(deployment(replicas=3))
    result = apply(live, deployment(replicas=3))
    assert owned(result, "kubectl-create") == owned(result, "me") == {("f:spec", "f:replicas")}


def test_a_field_no_longer_applied_goes_unless_another_owns_it() -> None:
    first = apply(None, deployment(replicas=3, **containers({"name": "c", "image": "x", "tty": True})))
    shared = apply(first, deployment(**containers({"name": "c", "tty": True})), manager="other")
    result = apply(shared, deployment(**containers({"name": "c"})))
    assert result["spec"] == containers({"name": "c", "tty": True})


def test_a_list_item_no_longer_applied_goes() -> None:
    first = apply(None, deployment(**containers({"name": "a"}, {"name": "b"})))
    result = apply(first, deployment(**containers({"name": "b"})))
    assert result["spec"]["template"]["spec"]["containers"] == [{"name": "b"}]


def test_items_of_other_managers_stay_in_their_place() -> None:
    live = created(deployment(**containers({"name": "sidecar"}, {"name": "a"})))
    result = apply(live, deployment(**containers({"name": "a", "image": "x"})))
    assert [each["name"] for each in result["spec"]["template"]["spec"]["containers"]] == ["sidecar", "a"]


def test_applying_the_same_again_changes_nothing() -> None:
    first = apply(created(deployment(replicas=3)), deployment(paused=True))
    again = field_ownership.apply(
        first, deployment(paused=True), DEPLOYMENT, manager="me", now="2026-02-02T00:00:00Z"
    )
    assert again == first


def test_an_object_made_before_tracking_belongs_to_before_first_apply() -> None:
    result = apply(deployment(replicas=3), deployment(paused=True))
    assert owned(result, "before-first-apply") == {("f:spec", "f:replicas")}


def test_a_plain_update_takes_over_what_it_changes() -> None:
    live = apply(None, deployment(replicas=3, paused=True))
    new = orjson.loads(orjson.dumps(live))
    new["spec"]["replicas"] = 7
    field_ownership.update(live, new, DEPLOYMENT, manager="hpa", subresource="scale", now=LATER)
    assert owned(new, "me") == {("f:spec", "f:paused")}
    entry = next(each for each in new["metadata"]["managedFields"] if each["manager"] == "hpa")
    assert (entry["subresource"], entry["operation"], entry["time"]) == ("scale", "Update", LATER)


def test_an_update_that_changes_nothing_leaves_the_entries_alone() -> None:
    live = created(deployment(replicas=3))
    new = orjson.loads(orjson.dumps(live))
    field_ownership.update(live, new, DEPLOYMENT, manager="other", now=LATER)
    assert new == live


def test_ignored_fields_are_not_owned() -> None:
    new = {**deployment(replicas=1), "status": {"replicas": 1}}
    field_ownership.update(None, new, DEPLOYMENT, manager="m", ignored=[("f:status",)])
    assert owned(new, "m") == {("f:spec", "f:replicas")}


def test_apply_rejects_another_version_and_managed_fields() -> None:
    with pytest.raises(StatusError, match="Incorrect version specified in apply patch"):
        apply(None, {**deployment(), "apiVersion": "apps/v2"})
    with pytest.raises(StatusError, match="must be nil"):
        apply(None, {**deployment(), "metadata": {"name": "a", "managedFields": []}})


@pytest.mark.parametrize(
    "fields",
    [
        "text", [1], 0, {"f:data": "text"}, {"f:data": [{}]}, {"f:data": False}, {"data": {}}, {"": {}}, {"f": {}}, {"i:x": {}}, {"k:{": {}},
        {"k:[1]": {}}, {"v:x": {}},
    ],
)  # fmt: skip
def test_invalid_managed_fields_of_the_client_are_ignored(fields: Any) -> None:
    live = created(config(a="1"), gvk=CONFIG_MAP)
    sent = orjson.loads(orjson.dumps(live))
    sent["metadata"]["managedFields"][0]["fieldsV1"] = fields
    field_ownership.update(live, sent, CONFIG_MAP, manager="other", now=LATER)
    assert sent["metadata"]["managedFields"] == live["metadata"]["managedFields"]


def test_unknown_steps_of_field_sets_are_ignored() -> None:
    fields: Any = {
        "f:a": {"x:y": {"f:b": {}}, "f:c": None, ".": 5},
        "i:1": {},
        'k:{"name":"a"}': {},
        "v:1": {},
    }
    assert field_set.decode_fields(fields) == {
        ("f:a", "f:c"),
        ("f:a",),
        ("i:1",),
        ('k:{"name":"a"}',),
        ("v:1",),
    }


def test_apply_rejects_duplicate_list_items() -> None:
    with pytest.raises(StatusError, match="duplicate entries for key"):
        apply(None, deployment(**containers({"name": "a"}, {"name": "a"})))


def test_more_than_ten_update_entries_are_merged() -> None:
    obj = created(config(k="0"), gvk=CONFIG_MAP)
    for number in range(1, 14):
        new = orjson.loads(orjson.dumps(obj))
        new["data"][f"k{number}"] = "v"
        field_ownership.update(
            obj, new, CONFIG_MAP, manager=f"m{number:02}", now=f"2026-01-02T03:04:{number:02}Z"
        )
        obj = new
    entries = obj["metadata"]["managedFields"]
    assert len(entries) == 10
    assert entries[0]["manager"] == "ancient-changes"


data = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"))


@given(data, data)
def test_after_a_forced_apply_the_document_holds_all_that_was_applied(
    before: dict[str, str], applied: dict[str, str]
) -> None:
    live = created(config(**before), gvk=CONFIG_MAP)
    result = apply(live, config(**applied), gvk=CONFIG_MAP, force=True)
    assert result["data"] == {**before, **applied}


@given(data, data)
def test_the_object_of_a_sole_manager_is_its_last_apply(
    first: dict[str, str], second: dict[str, str]
) -> None:
    live = apply(None, config(**first), gvk=CONFIG_MAP)
    result = apply(live, config(**second), gvk=CONFIG_MAP)
    assert result.get("data", {}) == second


@given(st.sets(st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":1}']), min_size=1, max_size=3).map(tuple)))
def test_sets_of_fields_survive_the_wire(paths: set[tuple[str, ...]]) -> None:
    assert field_set.decode_fields(field_set.encode_fields(paths)) == paths


def test_conflicts_list_members_first_and_sort_numbers_by_value() -> None:
    ports = [{"containerPort": each, "name": f"p{each}"} for each in (443, 80, 8080)]
    live = created(deployment(**containers({"name": "c", "image": "i", "ports": ports}), replicas=1))
    other = [port | {"name": "other"} for port in ports]
    wanted = deployment(**containers({"name": "c", "image": "j", "ports": other}), replicas=2)
    with pytest.raises(StatusError) as caught:
        apply(live, wanted)
    told = [each["field"] for each in caught.value.status["details"]["causes"]]
    container = '.spec.template.spec.containers[name="c"]'
    assert told == [
        ".spec.replicas",
        f"{container}.image",
        *(f'{container}.ports[containerPort={each},protocol="TCP"].name' for each in (80, 443, 8080)),
    ]


def test_only_update_entries_of_the_same_version_are_merged() -> None:
    versions = ["v1", "v2", *["v1"] * 10]
    obj = config(**{f"k{n}": "v" for n in range(12)})
    obj["metadata"]["managedFields"] = [
        {
            "manager": f"m{n:02}",
            "operation": "Update",
            "apiVersion": f"autoscaling/{version}",
            "time": f"2026-01-02T03:04:{n:02}Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {f"f:k{n}": {}}},
        }
        for n, version in enumerate(versions)
    ]
    managers = managed_entries.decode_entries(obj["metadata"]["managedFields"])
    managed_entries.merge_oldest_updaters(managers)
    assert len(managers) == 10
    assert [entry.manager for entry in managers.values() if entry.version == "autoscaling/v2"] == ["m01"]
    joined = managers["ancient-changes", "Update", "autoscaling/v1", ""]
    assert joined.fields == {("f:spec", f"f:k{n}") for n in (0, 2, 3)}
    assert joined.time == "2026-01-02T03:04:03Z"
