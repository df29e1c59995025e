"""Writes the status of a definition without decoding, checking or encoding its schemas.

Source: apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go (statusStrategy).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.apiextensions.definition_state import FINALIZER
from kprov.kube.apiserver.registry.apiextensions.definitions import Definition, build_guard_key
from kprov.kube.apiserver.registry.generic import size_limit
from kprov.kube.apiserver.registry.generic.ownership import Ownership
from kprov.kube.apiserver.registry.generic.read_store import make_unavailable_error
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.storage.interface import KeyChangedError, NotEmptyError, UnavailableError
from kprov.kube.machinery import status as errors
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema

_MODIFIED: Final = "the definition has been modified"


class DefinitionStatusWriter:
    """Writes over the store of definitions. Each write replaces the revision that the caller has read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ownership = Ownership(store.resource, store.strategy, object_schema.builtin())

    async def write(self, definition: Definition, status: JsonObject) -> None:
        """Replace the status. Raise StatusError 409 if the definition is out of date, 404 if gone."""
        old = self._describe(definition)
        new = {**old, "metadata": dict(old["metadata"]), "status": status}
        await self._put(definition, old, new)

    async def end(self, definition: Definition, status: JsonObject, *, empty: str = "") -> bool:
        """Remove the finalizer and, if it was the last one, the definition. Raise as `write`.

        empty: the prefix of its objects. False: there are some, and nothing was done.
        """
        old = self._describe(definition)
        metadata = dict(old["metadata"])
        finalizers = [name for name in metadata.pop("finalizers", ()) if name != FINALIZER]
        if finalizers:
            await self._put(
                definition, old, {**old, "metadata": {**metadata, "finalizers": finalizers}, "status": status}
            )
            return True
        entry = definition.entry
        guard = build_guard_key(definition.uid)
        try:
            await self._store.storage.delete(entry.key, expected=entry.revision, empty=empty, also=guard)
        except NotEmptyError:
            return False
        except KeyChangedError as error:
            raise self._refuse(definition, error) from None
        except UnavailableError as error:
            raise make_unavailable_error(error) from error
        return True

    def _describe(self, definition: Definition) -> JsonObject:
        """Return the definition without its spec, which has no part in a change of the status."""
        resource, summary = self._store.resource, definition.summary
        metadata = {**summary["metadata"], "resourceVersion": str(definition.entry.revision)}
        return {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "status": summary["status"],
        }

    async def _put(self, definition: Definition, old: JsonObject, new: JsonObject) -> None:
        name = definition.entry.name
        context = make_system_context("update", self._store.resource, "", name)
        self._ownership.note(context, old, new, "status")
        while True:
            try:
                value = self._encode(definition, new)
                size_limit.check_sent_size(value)
                await self._store.storage.update(
                    definition.entry.key, value, expected=definition.entry.revision
                )
            except KeyChangedError as error:
                raise self._refuse(definition, error) from None
            except UnavailableError as error:
                if not size_limit.drop_managed_fields(new, error):
                    raise make_unavailable_error(error) from error
            else:
                return

    def _encode(self, definition: Definition, new: JsonObject) -> bytes:
        """Encode as cacher.entry.encode does, with the spec as it is stored."""
        metadata = {name: value for name, value in new["metadata"].items() if name != "resourceVersion"}
        parts = (
            self._store.cache.head,
            b'"metadata":',
            go_json.dumps(metadata),
            b',"spec":',
            definition.read_spec(),
            b',"status":',
            go_json.dumps(new["status"]),
            b"}",
        )
        return b"".join(parts)

    def _refuse(self, definition: Definition, error: KeyChangedError) -> errors.StatusError:
        resource, name = self._store.resource, definition.entry.name
        if error.current is None:
            return errors.not_found(resource, name)
        return errors.conflict(resource, name, _MODIFIED)
