"""Admission as a chain of plugins; upstream's Attributes and Interface."""

from __future__ import annotations

from argparse import Namespace

from kprov.kube.apiserver.interfaces import Attributes, Authorizer
from kprov.kube.machinery import status

__all__ = ["AdmissionPlugin", "Attributes", "WantsAuthorizer", "WantsOptions", "forbidden_error"]


class AdmissionPlugin:
    """One plugin under its upstream name. Refuses by raising machinery.status.StatusError."""

    name = ""
    operations: frozenset[str] = frozenset({"CREATE", "UPDATE"})
    #: (group, plural) of what it looks at; None: everything.
    resources: frozenset[tuple[str, str]] | None = None

    async def admit(self, attributes: Attributes) -> None:
        """May change attributes.obj; runs before validation."""

    async def validate(self, attributes: Attributes) -> None:
        """May only refuse; runs after validation."""


class WantsAuthorizer(AdmissionPlugin):
    """A plugin that asks what a user may; `authorizer` is set before the first request."""

    authorizer: Authorizer


class WantsOptions(AdmissionPlugin):
    """A plugin with flags of its own."""

    def read_options(self, options: Namespace) -> None:
        """Read the flags, before the first request."""
        raise NotImplementedError


def forbidden_error(attributes: Attributes, text: str) -> status.StatusError:
    """The 403 of a plugin, in upstream's form."""
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
    return status.forbidden(attributes.asked or attributes.resource, name, text)
