"""The graph of owners and dependents of all objects (garbagecollector/graph_builder.go)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from kprov.kube.api.meta import ObjectMeta, OwnerReference
from kprov.kube.controller_manager.framework.metadata_view import Meta

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"


class AnyObject(Protocol):
    """A view of any object, with all of its metadata."""

    @property
    def metadata(self) -> Meta | ObjectMeta: ...


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Where an object is, or where a reference says it is. namespace: "" for an object of the cluster."""

    uid: str
    group: str
    kind: str
    namespace: str
    name: str


@dataclass(eq=False, slots=True)
class Node:
    """An object. `virtual`: only references to it were seen, not the object itself.

    The other fields of a virtual node are what one of its dependents says, which may be wrong.
    """

    uid: str
    api_version: str
    kind: str
    namespace: str
    name: str
    owners: list[OwnerReference] = field(default_factory=list)
    dependents: dict[str, "Node"] = field(default_factory=dict)
    being_deleted: bool = False
    deleting_dependents: bool = False
    virtual: bool = False

    @property
    def identity(self) -> Identity:
        return Identity(self.uid, get_group(self.api_version), self.kind, self.namespace, self.name)

    @property
    def blocking(self) -> list["Node"]:
        """Dependents that must be deleted before this object."""
        return [
            dependent
            for dependent in self.dependents.values()
            if any(ref.uid == self.uid and ref.block_owner_deletion for ref in dependent.owners)
        ]


@dataclass
class Work:
    """What follows from a change: UIDs to try to delete, now or later, UIDs whose dependents to orphan."""

    delete: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    orphan: list[str] = field(default_factory=list)
    #: Dependents of an owner in another namespace, with the reference.
    misplaced: list[tuple[Node, OwnerReference]] = field(default_factory=list)


class Graph:
    """Observations change it and return the work that follows."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def get(self, uid: str) -> Node | None:
        return self.nodes.get(uid)

    def observe(self, api_version: str, kind: str, obj: AnyObject) -> Work:
        """Take in a new or changed object. Returns the work that this causes."""
        meta, work = obj.metadata, Work()
        node = self.nodes.get(meta.uid)
        if node is None:
            node = Node(meta.uid, api_version, kind, meta.namespace, meta.name)
            self.nodes[meta.uid] = node
        elif node.virtual:
            # The reference of a dependent may be wrong. The object itself is right.
            node.api_version, node.kind, node.namespace, node.name = (
                api_version,
                kind,
                meta.namespace,
                meta.name,
            )
            node.virtual = False
            for dependent in node.dependents.values():
                self._check_references(node, dependent, work)
        self._change_owners(node, meta.owner_references, work)
        started = bool(meta.deletion_timestamp) and not node.being_deleted
        node.being_deleted = bool(meta.deletion_timestamp)
        if node.being_deleted and ORPHAN in meta.finalizers:
            work.orphan.append(node.uid)
        elif node.being_deleted and FOREGROUND in meta.finalizers:
            if started or not node.deleting_dependents:
                node.deleting_dependents = True
                work.delete += [child.uid for child in node.dependents.values()]
            work.delete.append(node.uid)
        return work

    def remove(self, uid: str) -> Work:
        """Remove an object that is gone. Returns the work that this causes.

        Its dependents lost an owner, its owners may have waited for its deletion.
        """
        work = Work()
        node = self.nodes.pop(uid, None)
        if node is None:
            return work
        for reference in node.owners:
            owner = self.nodes.get(reference.uid)
            if owner is not None:
                owner.dependents.pop(uid, None)
                if owner.deleting_dependents:
                    work.delete.append(owner.uid)
                elif owner.virtual and not owner.dependents:
                    del self.nodes[owner.uid]
        work.delete += list(node.dependents)
        return work

    def remove_absent(self, identity: Identity) -> Work:
        """Remove an object that the server does not have. Returns the work that this causes.

        A reference of a dependent may have named a wrong place.
        """
        node = self.nodes.get(identity.uid)
        if node is None:
            return Work()
        claims = sorted(
            (claim, reference.api_version, dependent.uid)
            for dependent in node.dependents.values()
            for reference in dependent.owners
            if reference.uid == identity.uid and (claim := identify_owner(dependent, reference))
        )
        right = [uid for claim, _, uid in claims if _is_same(claim, identity)]
        others = [(claim, version) for claim, version, _ in claims if not _is_same(claim, identity)]
        if not node.virtual and node.identity != identity:
            return Work(delete=right)
        if not node.virtual or not others:
            return self.remove(identity.uid)
        # Look at the next place that dependents name.
        claim, version = next((place for place in others if place[0] > identity), others[0])
        node.api_version, node.kind, node.namespace, node.name = (
            version,
            claim.kind,
            claim.namespace,
            claim.name,
        )
        return Work(delete=right, retry=[node.uid])

    def _check_references(self, owner: Node, dependent: Node, work: Work) -> None:
        for reference in dependent.owners:
            if reference.uid == owner.uid:
                self._check_reference(owner, dependent, reference, work)

    def _check_reference(self, owner: Node, dependent: Node, reference: OwnerReference, work: Work) -> None:
        """Let the server decide about a reference that names another place than its owner has."""
        if is_owner(owner, dependent, reference):
            return
        work.delete.append(dependent.uid)
        if not owner.virtual and owner.namespace not in {"", dependent.namespace}:
            work.misplaced.append((dependent, reference))

    def _add_owner(
        self, node: Node, reference: OwnerReference, before: OwnerReference | None, work: Work
    ) -> None:
        uid = reference.uid
        owner = self.nodes.get(uid)
        if owner is None:
            # The owner may come later or not exist: the server decides.
            owner = Node(uid, reference.api_version, reference.kind, node.namespace, reference.name)
            owner.virtual = True
            self.nodes[uid] = owner
            work.delete.append(uid)
        elif before != reference:
            self._check_reference(owner, node, reference, work)
        owner.dependents[node.uid] = node
        if owner.deleting_dependents and before is None:
            work.delete.append(node.uid)

    def _change_owners(self, node: Node, new: list[OwnerReference], work: Work) -> None:
        if new == node.owners:
            return
        before = {reference.uid: reference for reference in node.owners}
        after = {reference.uid: reference for reference in new}
        node.owners = new
        for uid, reference in after.items():
            self._add_owner(node, reference, before.get(uid), work)
        for uid, old in before.items():
            owner = self.nodes.get(uid)
            if owner is None:
                continue
            if uid not in after:
                owner.dependents.pop(node.uid, None)
            unblocked = old.block_owner_deletion and not (uid in after and after[uid].block_owner_deletion)
            if owner.deleting_dependents and (uid not in after or unblocked):
                work.delete.append(uid)
        if before.keys() - after.keys():
            work.delete.append(node.uid)


def get_group(api_version: str) -> str:
    """Return the API group. "" for the core group."""
    return api_version.partition("/")[0] if "/" in api_version else ""


def identify_owner(dependent: Node, reference: OwnerReference) -> Identity:
    """Return what a dependent says about its owner, if the owner has a namespace."""
    group = get_group(reference.api_version)
    return Identity(reference.uid, group, reference.kind, dependent.namespace, reference.name)


def is_owner(owner: Node, dependent: Node, reference: OwnerReference) -> bool:
    """Whether the reference names the place that the owner has, or that another dependent names."""
    is_near = owner.namespace == dependent.namespace or (not owner.namespace and not owner.virtual)
    return (
        is_near
        and (reference.name, reference.kind) == (owner.name, owner.kind)
        and (
            reference.api_version == owner.api_version
            or get_group(reference.api_version) == get_group(owner.api_version)
        )
    )


def _is_same(claim: Identity, identity: Identity) -> bool:
    return claim == identity or (not identity.namespace and replace(claim, namespace="") == identity)


def remove_owners(references: Iterable[OwnerReference], uids: Iterable[str]) -> list[OwnerReference]:
    gone = frozenset(uids)
    return [reference for reference in references if reference.uid not in gone]
