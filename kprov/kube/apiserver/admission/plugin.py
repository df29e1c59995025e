"""The base classes of admission plugins."""

from __future__ import annotations

from argparse import Namespace
from typing import Self

from kprov.kube.apiserver.interfaces import Attributes, Authorizer
from kprov.kube.apiserver.interfaces.objects import ObjectStores
from kprov.kube.machinery import status

__all__ = ["AdmissionPlugin", "Attributes", "WantsAuthorizer", "WantsOptions", "forbidden_error"]


class AdmissionPlugin:
    """One plugin under its upstream name. It rejects a request by raising StatusError."""

    name = ""
    operations: frozenset[str] = frozenset({"CREATE", "UPDATE"})
    #: (group, plural) of the handled resources; None: all.
    resources: frozenset[tuple[str, str]] | None = None

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        """Build the plugin. A plugin that reads or writes objects overrides it and takes its own."""
        del stores
        return cls()

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase: may change attributes.obj."""

    async def validate(self, attributes: Attributes) -> None:
        """Run the validating phase, which may only reject."""


class WantsAuthorizer(AdmissionPlugin):
    """A plugin that checks rights of users; `authorizer` is set before the first request."""

    authorizer: Authorizer


class WantsOptions(AdmissionPlugin):
    """A plugin with its own flags."""

    def read_options(self, options: Namespace) -> None:
        """Read the flags. Called before the first request."""
        raise NotImplementedError


def forbidden_error(attributes: Attributes, text: str) -> status.StatusError:
    """Return the 403 of a plugin, in upstream's form."""
    metadata = (attributes.obj or {}).get("metadata") or {}
    name = (
        attributes.generate_name
        or attributes.name
        or metadata.get("name")
        or metadata.get("generateName")
        or ""
    )
    if not name and attributes.operation == "CREATE":
        name = "Unknown"
    return status.forbidden(attributes.requested_resource or attributes.resource, name, text)
