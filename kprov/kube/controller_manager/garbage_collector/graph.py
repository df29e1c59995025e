"""The graph of owners and dependents of all objects (garbagecollector/graph_builder.go)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from kprov.kube.api.meta import ObjectMeta, OwnerReference
from kprov.kube.controller_manager.framework.metadata_view import Meta

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"


class AnyObject(Protocol):
    """A view of any object, with all of its metadata."""

    @property
    def metadata(self) -> Meta | ObjectMeta: ...


@dataclass(eq=False, slots=True)
class Node:
    """An object. ``virtual``: only references to it were seen, not the object itself."""

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
    def blocking(self) -> list["Node"]:
        """Dependents that must be deleted before this object."""
        return [
            each
            for each in self.dependents.values()
            if any(ref.uid == self.uid and ref.block_owner_deletion for ref in each.owners)
        ]


@dataclass
class Work:
    """The work after a change: UIDs to try to delete, UIDs whose dependents to orphan."""

    delete: list[str] = field(default_factory=list)
    orphan: list[str] = field(default_factory=list)


class Graph:
    """Observations change it and return the work that follows."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def get(self, uid: str) -> Node | None:
        return self.nodes.get(uid)

    def observe(self, api_version: str, kind: str, obj: AnyObject) -> Work:
        """An object is new or changed."""
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
        self._change_owners(node, meta.owner_references, work)
        started = bool(meta.deletion_timestamp) and not node.being_deleted
        node.being_deleted = bool(meta.deletion_timestamp)
        if node.being_deleted and ORPHAN in meta.finalizers:
            work.orphan.append(node.uid)
        elif node.being_deleted and FOREGROUND in meta.finalizers:
            if started or not node.deleting_dependents:
                node.deleting_dependents = True
                work.delete += [each.uid for each in node.dependents.values()]
            work.delete.append(node.uid)
        return work

    def remove(self, uid: str) -> Work:
        """An object is gone. Its dependents lost an owner, its owners may have waited for its deletion."""
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

    def _change_owners(self, node: Node, new: list[OwnerReference], work: Work) -> None:
        if new == node.owners:
            return
        before = {reference.uid: reference for reference in node.owners}
        after = {reference.uid: reference for reference in new}
        node.owners = new
        for uid, reference in after.items():
            owner = self.nodes.get(uid)
            if owner is None:
                # The owner may come later or not exist: the server decides.
                owner = Node(uid, reference.api_version, reference.kind, node.namespace, reference.name)
                owner.virtual = True
                self.nodes[uid] = owner
                work.delete.append(uid)
            owner.dependents[node.uid] = node
            if owner.deleting_dependents and uid not in before:
                work.delete.append(node.uid)
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


def remove_owners(references: Iterable[OwnerReference], uids: Iterable[str]) -> list[OwnerReference]:
    gone = frozenset(uids)
    return [reference for reference in references if reference.uid not in gone]
