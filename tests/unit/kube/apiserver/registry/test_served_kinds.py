"""The registry of kinds: what a snapshot finds, and what a publication changes."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.served_kind import ServedKind
from kprov.kube.apiserver.registry.served_kinds import ServedKinds, Snapshot
from kprov.kube.machinery.resources import Resource, list_resources
from kprov.kube.machinery.schema import object_schema

TYPES = object_schema.builtin()
BUILT_IN = [ServedKind(resource, TYPES) for resource in list_resources()]
OWNER = "widgets.example.com"


def widget(version: str) -> ServedKind:
    resource = Resource("example.com", version, "Widget", "widgets", "widget", namespaced=True)
    return ServedKind(resource, TYPES)


@pytest.fixture
def kinds() -> ServedKinds:
    return ServedKinds(BUILT_IN)


def test_every_built_in_resource_is_found_by_path_and_by_kind(kinds: ServedKinds) -> None:
    for kind in BUILT_IN:
        resource = kind.resource
        assert kinds.current.find(resource.group, resource.version, resource.plural) is kind
        assert kinds.current.find_kind(*resource.gvk) is kind
    assert kinds.current.find("", "v1", "widgets") is None
    assert "apps" in kinds.current.groups
    assert "" not in kinds.current.groups


def test_a_publication_replaces_all_kinds_of_its_owner_and_no_others(kinds: ServedKinds) -> None:
    old, new = widget("v1alpha1"), widget("v1")
    kinds.publish(OWNER, [old])
    before = kinds.current
    kinds.publish(OWNER, [new])
    assert kinds.current.find("example.com", "v1alpha1", "widgets") is None
    assert kinds.current.find("example.com", "v1", "widgets") is new
    assert kinds.current.kinds[:-1] == tuple(BUILT_IN)
    assert before.find("example.com", "v1alpha1", "widgets") is old, "a snapshot never changes"


def test_an_owner_without_kinds_is_gone(kinds: ServedKinds) -> None:
    kinds.publish(OWNER, [widget("v1")])
    kinds.publish(OWNER, [])
    assert kinds.current.kinds == tuple(BUILT_IN)
    assert "example.com" not in kinds.current.groups


def test_listeners_get_both_snapshots_of_a_change(kinds: ServedKinds) -> None:
    changes: list[tuple[Snapshot, Snapshot]] = []
    kinds.subscribe(lambda before, after: changes.append((before, after)))
    first = kinds.current
    kinds.publish("gadgets.example.com", [])
    assert not changes, "removing an unknown owner changes nothing"
    kinds.publish(OWNER, [widget("v1")])
    assert changes == [(first, kinds.current)]
