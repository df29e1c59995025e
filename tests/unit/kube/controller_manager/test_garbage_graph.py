"""The graph of owners and dependents."""

from kprov.kube.api.meta import OwnerReference
from kprov.kube.controller_manager.framework.metadata_view import Meta, Owned
from kprov.kube.controller_manager.garbage_collector.graph import FOREGROUND, ORPHAN, Graph


def obj(uid: str, *owners: str, finalizers: tuple[str, ...] = (), deleting: bool = False) -> Owned:
    references = [
        OwnerReference(api_version="v1", kind="K", name=owner, uid=owner, block_owner_deletion=True)
        for owner in owners
    ]
    return Owned(
        metadata=Meta(
            name=uid,
            namespace="ns",
            uid=uid,
            owner_references=references,
            finalizers=list(finalizers),
            deletion_timestamp="2026-01-01T00:00:00Z" if deleting else "",
        )
    )


def graph(*objects: Owned) -> Graph:
    made = Graph()
    for each in objects:
        made.observe("v1", "K", each)
    return made


def test_dependents_of_a_removed_owner_are_tried() -> None:
    given = graph(obj("owner"), obj("a", "owner"), obj("b", "owner"))
    assert given.remove("owner").delete == ["a", "b"]


def test_an_owner_nobody_has_seen_is_looked_for() -> None:
    given = Graph()
    assert given.observe("v1", "K", obj("a", "owner")).delete == ["owner"]
    missing = given.get("owner")
    assert missing is not None
    assert missing.virtual
    assert given.observe("v1", "K", obj("owner")).delete == []
    assert not missing.virtual


def test_foreground_deletion_goes_through_the_dependents_first() -> None:
    given = graph(obj("owner"), obj("a", "owner"))
    work = given.observe("v1", "K", obj("owner", finalizers=(FOREGROUND,), deleting=True))
    assert work.delete == ["a", "owner"]
    owner = given.get("owner")
    assert owner is not None
    assert [each.uid for each in owner.blocking] == ["a"]
    assert given.remove("a").delete == ["owner"]
    assert owner.blocking == []


def test_orphaning_is_asked_for_by_a_finalizer() -> None:
    given = graph(obj("owner"), obj("a", "owner"))
    assert given.observe("v1", "K", obj("owner", finalizers=(ORPHAN,), deleting=True)).orphan == ["owner"]


def test_a_dependent_that_lets_go_frees_a_waiting_owner() -> None:
    given = graph(obj("owner"), obj("a", "owner"))
    given.observe("v1", "K", obj("owner", finalizers=(FOREGROUND,), deleting=True))
    assert "owner" in given.observe("v1", "K", obj("a")).delete
