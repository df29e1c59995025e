"""What of the metadata an update may not change."""

from __future__ import annotations

import time

import pytest

from kprov.kube.apiserver.registry.generic import metadata, metadata_update
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find


def find_fields(
    group: str, plural: str, new: JsonObject, old: JsonObject, subresource: str = ""
) -> list[str]:
    resource = find(group, "v1", plural)
    assert resource is not None
    obj, before = ({"metadata": {"name": "a"} | each} for each in (new, old))
    return [
        error.field for error in metadata_update.validate(find_strategy(resource), obj, before, subresource)
    ]


@pytest.mark.parametrize(
    ("group", "plural", "subresource"),
    [
        ("apps", "deployments", ""),
        ("", "configmaps", "status"),
        ("", "pods", "resize"),
        ("batch", "jobs", ""),
    ],
)
def test_metadata_are_validated_as_new_and_as_a_change(group: str, plural: str, subresource: str) -> None:
    assert set(find_fields(group, plural, {"labels": {"a b": "c"}}, {}, subresource)) == {"metadata.labels"}
    assert find_fields(group, plural, {"uid": "x"}, {"uid": "y"}, subresource) == ["metadata.uid"]


def test_finalizers_of_a_changed_object_are_names() -> None:
    assert find_fields("policy", "poddisruptionbudgets", {"finalizers": ["a b"]}, {}) == [
        "metadata.finalizers"
    ]


@pytest.mark.parametrize(
    ("group", "plural", "subresource", "refused"),
    [
        ("", "services", "", True),
        ("", "pods", "", True),
        ("", "pods", "status", True),
        ("apps", "deployments", "", True),
        ("coordination.k8s.io", "leases", "", False),
        ("node.k8s.io", "runtimeclasses", "", False),
        ("policy", "poddisruptionbudgets", "", False),
        ("batch", "cronjobs", "", True),
        ("batch", "cronjobs", "status", False),
    ],
)
def test_a_finalizer_without_a_domain_is_kubernetes_own(
    group: str, plural: str, subresource: str, *, refused: bool
) -> None:
    found = find_fields(group, plural, {"finalizers": ["x"]}, {}, subresource)
    assert found == (["metadata.finalizers[0]"] if refused else [])


def test_no_finalizer_is_added_to_what_is_being_deleted() -> None:
    going = {"deletionTimestamp": "2024-01-01T00:00:00Z"}
    new, old = going | {"finalizers": ["a/b", "a/c"]}, going | {"finalizers": ["a/b"]}
    assert set(find_fields("", "configmaps", new, old)) == {"metadata.finalizers"}
    assert find_fields("", "configmaps", old, new) == []


def test_a_deletion_timestamp_is_the_servers_to_write() -> None:
    resource = find("", "v1", "configmaps")
    assert resource is not None
    old = {"metadata": {"name": "a", "uid": "u"}}
    obj: JsonObject = {"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    metadata.prepare_for_update(resource, obj, old)
    errors = metadata_update.validate(find_strategy(resource), obj, old)
    assert ("metadata.deletionTimestamp", "FieldValueInvalid") in [
        (each.field, each.reason) for each in errors
    ]


def test_a_generated_name_is_what_the_last_write_says() -> None:
    resource = find("", "v1", "configmaps")
    assert resource is not None
    obj: JsonObject = {"metadata": {"name": "a"}}
    old = {"metadata": {"name": "a", "uid": "u", "generateName": "x"}}
    metadata.prepare_for_update(resource, obj, old)
    assert "generateName" not in obj["metadata"]


@pytest.mark.parametrize(("is_patch", "words"), [(False, "entries; API"), (True, "after mutating admission")])
def test_an_owner_named_twice_counts_once_and_is_warned_of(is_patch: bool, words: str) -> None:
    one, two = {"name": "q", "uid": "u1"}, {"name": "q", "uid": "u2"}
    owned: JsonObject = {"ownerReferences": [one, two, dict(one)]}
    (warning,) = metadata.drop_duplicate_owners(owned, is_patch=is_patch)
    assert owned["ownerReferences"] == [one, two]
    assert words in warning
    assert warning.endswith("duplicate UID(s) observed: u1")
    assert metadata.drop_duplicate_owners(owned) == []


def test_the_largest_list_of_owners_takes_no_time() -> None:
    """A request has up to 3 MiB, and the server answers no other one meanwhile."""
    owned = {"ownerReferences": [{"name": "q", "uid": f"u{number}"} for number in range(60_000)]}
    start = time.process_time()
    assert metadata.drop_duplicate_owners(owned) == []
    assert time.process_time() - start < 1
