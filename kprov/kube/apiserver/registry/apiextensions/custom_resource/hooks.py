"""Refuse new objects of a definition that is being removed.

Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go (serveResource).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.definitions import Definitions
from kprov.kube.apiserver.registry.generic.hooks import Finish, Hooks, do_nothing
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject


class CustomResourceHooks(Hooks):
    """The hooks of the objects of one definition."""

    def __init__(self, definitions: Definitions, name: str, uid: str) -> None:
        self._definitions = definitions
        self._name = name
        self._uid = uid

    async def begin_create(self, context: RequestContext, obj: JsonObject) -> Finish:
        definition = self._definitions.get(self._name)
        if definition is None or definition.uid != self._uid:
            raise status.path_not_found()
        if definition.is_being_deleted or definition_state.is_true(
            definition.summary, definition_state.TERMINATING
        ):
            text = "create not allowed while custom resource definition is terminating"
            raise status.failure(405, "MethodNotAllowed", text, {})
        return do_nothing
