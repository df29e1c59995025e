"""The graph of owners and dependents."""

from dataclasses import replace

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


def refer(dependent: str, namespace: str, name: str, uid: str = "owner") -> Owned:
    """An object of a namespace whose owner has that name and UID."""
    reference = OwnerReference(api_version="v1", kind="K", name=name, uid=uid)
    return Owned(
        metadata=Meta(name=dependent, namespace=namespace, uid=dependent, owner_references=[reference])
    )


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


def test_a_reference_to_another_place_than_that_of_the_owner_is_looked_at() -> None:
    given = graph(obj("owner"))
    assert given.observe("v1", "K", refer("right", "ns", "owner")).delete == []
    work = given.observe("v1", "K", refer("elsewhere", "other", "owner"))
    assert work.delete == ["elsewhere"]
    assert [(node.uid, reference.uid) for node, reference in work.misplaced] == [("elsewhere", "owner")]
    work = given.observe("v1", "K", refer("misnamed", "ns", "another"))
    assert (work.delete, work.misplaced) == (["misnamed"], [])


def test_wrong_references_are_looked_at_when_their_owner_is_seen() -> None:
    given = graph(refer("elsewhere", "other", "owner"), refer("right", "ns", "owner"))
    work = given.observe("v1", "K", obj("owner"))
    assert work.delete == ["elsewhere"]
    assert [node.uid for node, _ in work.misplaced] == ["elsewhere"]


def test_an_owner_that_is_absent_at_one_place_may_be_at_another() -> None:
    given = graph(refer("elsewhere", "other", "owner"), refer("right", "ns", "owner"))
    virtual = given.get("owner")
    assert virtual is not None
    wrong = virtual.identity
    assert wrong.namespace == "other"
    work = given.remove_absent(wrong)
    assert (work.delete, work.retry) == (["elsewhere"], ["owner"])
    assert given.get("owner") is virtual
    assert virtual.identity.namespace == "ns"
    # Its object was seen meanwhile: only the wrong one is harmed.
    given.observe("v1", "K", obj("owner"))
    assert given.remove_absent(wrong).delete == ["elsewhere"]
    assert given.get("owner") is virtual


def test_an_owner_that_is_absent_everywhere_is_forgotten() -> None:
    given = graph(refer("elsewhere", "other", "owner"), refer("right", "ns", "owner"))
    first = given.nodes["owner"].identity
    given.remove_absent(first)
    given.remove("elsewhere")
    assert given.remove_absent(given.nodes["owner"].identity).delete == ["right"]
    assert given.get("owner") is None


def test_an_absent_owner_without_a_namespace_is_absent_for_all() -> None:
    given = graph(refer("a", "one", "owner"), refer("b", "two", "owner"))
    identity = replace(given.nodes["owner"].identity, namespace="")
    assert given.remove_absent(identity).delete == ["a", "b"]
