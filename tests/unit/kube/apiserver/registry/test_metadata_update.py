"""What of the metadata an update may not change, and how often that is told."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry import metadata_update
from kprov.kube.machinery.resources import find

Object = dict[str, Any]


def told(group: str, plural: str, new: Object, old: Object, subresource: str = "") -> list[str]:
    resource = find(group, "v1", plural)
    assert resource is not None
    obj, before = ({"metadata": {"name": "a"} | each} for each in (new, old))
    return [error.field for error in metadata_update.validate(resource, obj, before, subresource)]


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
        ("", "pods", "resize", 1, 2),
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


def test_no_finalizer_is_added_to_what_is_being_deleted() -> None:
    going = {"deletionTimestamp": "2024-01-01T00:00:00Z"}
    new, old = going | {"finalizers": ["a/b", "a/c"]}, going | {"finalizers": ["a/b"]}
    assert set(told("", "configmaps", new, old)) == {"metadata.finalizers"}
    assert told("", "configmaps", old, new) == []
