"""The generic store: every resource's get, list, create, update, delete along its strategy.

Source of the order of steps: upstream staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kprov.kube.apiserver.interfaces import Admission
from kprov.kube.apiserver.registry.hooks import Hooks
from kprov.kube.apiserver.registry.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.resources import Resource

Object = dict[str, Any]
#: From the object as it is (None: not there) to what it should be; may be called again after a conflict.
Change = Callable[[Object | None], Object]
#: (type, object, previous object or None); type is ADDED, MODIFIED or DELETED.
OnChange = Callable[[str, Object, Object | None], None]


@dataclass(slots=True)
class DeleteOptions:
    """meta/v1 DeleteOptions, decoded; None where the client said nothing."""

    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    raw: Object = field(default_factory=dict)


class Lister:
    """A resource's objects from the watch cache, for plugins: never waits, may be behind etcd by an instant."""

    async def start(self) -> None:
        """Begin to fill the cache; returns when it has been filled once. Idempotent."""
        raise NotImplementedError

    @property
    def synced(self) -> bool:
        raise NotImplementedError

    def get(self, namespace: str, name: str) -> Object | None:
        """A fresh dict each time: the caller may keep it or change it."""
        raise NotImplementedError

    def list(self, namespace: str | None = None) -> list[Object]:
        raise NotImplementedError

    def on_change(self, callback: OnChange) -> None:
        """Call for all that is there (ADDED) and for each change from now on, in order, on the event loop."""
        raise NotImplementedError


class Store:
    """One resource. All methods raise StatusError; dicts given back may be changed by the caller.

    `namespace` is "" for cluster-scoped resources.
    """

    resource: Resource
    strategy: Strategy
    hooks: Hooks
    admission: Admission

    async def get(self, context: RequestContext, namespace: str, name: str) -> Object:
        """The newest state. NotFound if missing."""
        raise NotImplementedError

    async def list(self, context: RequestContext, namespace: str = "") -> list[Object]:
        """All objects at least as new as now, of a namespace or of all ("")."""
        raise NotImplementedError

    async def create(self, context: RequestContext, namespace: str, obj: Object) -> Object:
        """Store a new object (all steps: defaults, admission, validation, hooks). AlreadyExists, Invalid."""
        raise NotImplementedError

    async def update(
        self,
        context: RequestContext,
        namespace: str,
        name: str,
        change: Change,
        *,
        subresource: str = "",
        create: bool = False,
        admit: bool = True,
        strategy: Strategy | None = None,
    ) -> tuple[Object, bool]:
        """Change an object, again and again until no one else changed it meanwhile; (object, was created).

        A resourceVersion in what `change` gives back is a precondition (Conflict). subresource "status" uses the
        strategy's *_status_update; another subresource uses prepare_for_update of `strategy` (default: the
        resource's own). `admit`=False leaves admission out, for writes of the server itself.
        """
        raise NotImplementedError

    async def delete(
        self, context: RequestContext, namespace: str, name: str, options: DeleteOptions | None = None
    ) -> tuple[Object, bool]:
        """Delete, gracefully or at once, obeying finalizers; (object, whether it is gone)."""
        raise NotImplementedError

    @property
    def lister(self) -> Lister:
        raise NotImplementedError


class Registry:
    """All stores. `SYSTEM` below is the context for what the server does for itself (loopback, system:masters)."""

    stores: Mapping[Resource, Store]

    def store(self, group: str, plural: str) -> Store:
        """The store of a resource in its storage version. KeyError: never stored."""
        raise NotImplementedError

    def resources(self) -> Sequence[Resource]:
        raise NotImplementedError


def system_context(verb: str, resource: Resource, namespace: str = "", name: str = "") -> RequestContext:
    """A context for writes of the server itself: user system:apiserver in system:masters."""
    raise NotImplementedError
