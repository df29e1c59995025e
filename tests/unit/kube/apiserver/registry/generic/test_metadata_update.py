"""What of the metadata an update may not change, and how often that is told."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.generic import metadata, metadata_update
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find


def told(group: str, plural: str, new: JsonObject, old: JsonObject, subresource: str = "") -> list[str]:
    resource = find(group, "v1", plural)
    assert resource is not None
    obj, before = ({"metadata": {"name": "a"} | each} for each in (new, old))
    return [
        error.field for error in metadata_update.validate(find_strategy(resource), obj, before, subresource)
    ]


@pytest.mark.parametrize(
    ("group", "plural", "subresource", "as_new", "as_change"),
    [
        ("apps", "deployments", "", 1, 2),
        ("", "configmaps", "", 2, 2),
        ("", "persistentvolumes", "", 3, 1),
        ("", "limitranges", "", 2, 1),
        ("policy", "poddisruptionbudgets", "", 1, 1),
        ("", "configmaps", "status", 1, 2),
        ("batch", "cronjobs", "status", 1, 1),
        ("storage.k8s.io", "volumeattachments", "status", 1, 1),
        ("", "pods", "", 2, 2),
        # Their rules stand between the two and ask for them.
        ("", "pods", "resize", 1, 1),
        ("batch", "jobs", "", 1, 1),
    ],
)
def test_wrong_metadata_is_told_as_often_as_upstream_tells_it(
    group: str, plural: str, subresource: str, as_new: int, as_change: int
) -> None:
    labels = told(group, plural, {"labels": {"a b": "c"}}, {}, subresource)
    assert labels == ["metadata.labels"] * (as_new + as_change)
    uids = told(group, plural, {"uid": "x"}, {"uid": "y"}, subresource)
    assert uids == ["metadata.uid"] * as_change


def test_finalizers_of_a_changed_object_are_names() -> None:
    assert told("policy", "poddisruptionbudgets", {"finalizers": ["a b"]}, {}) == ["metadata.finalizers"]


@pytest.mark.parametrize(
    ("group", "plural", "subresource", "times"),
    [
        ("", "services", "", 1),
        ("", "pods", "", 2),
        ("", "pods", "status", 1),
        ("apps", "deployments", "", 1),
        ("coordination.k8s.io", "leases", "", 0),
        ("node.k8s.io", "runtimeclasses", "", 0),
    ],
)
def test_a_finalizer_without_a_domain_is_kubernetes_own(
    group: str, plural: str, subresource: str, times: int
) -> None:
    assert told(group, plural, {"finalizers": ["x"]}, {}, subresource) == ["metadata.finalizers[0]"] * times


@pytest.mark.parametrize(("plural", "first"), [("configmaps", "uid"), ("nodes", "labels")])
def test_which_of_change_and_whole_is_judged_first(plural: str, first: str) -> None:
    fields = told("", plural, {"uid": "x", "labels": {"a b": "c"}}, {"uid": "y"})
    assert fields[:3] == ["metadata.labels", "metadata.uid", "metadata.labels"]
    assert fields[3] == f"metadata.{first}"


def test_no_finalizer_is_added_to_what_is_being_deleted() -> None:
    going = {"deletionTimestamp": "2024-01-01T00:00:00Z"}
    new, old = going | {"finalizers": ["a/b", "a/c"]}, going | {"finalizers": ["a/b"]}
    assert set(told("", "configmaps", new, old)) == {"metadata.finalizers"}
    assert told("", "configmaps", old, new) == []


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
