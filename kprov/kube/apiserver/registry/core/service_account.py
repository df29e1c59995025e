"""Service accounts.

Source: upstream pkg/registry/core/serviceaccount/strategy.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject

_MOUNTABLE_SECRETS: Final = "kubernetes.io/enforce-mountable-secrets"


class ServiceAccountStrategy(ResourceStrategy):
    returns_deleted = True

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        _drop_secret_details(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        _drop_secret_details(obj)

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Warn if the update adds the deprecated annotation."""
        has, had = (_MOUNTABLE_SECRETS in _read_annotations(account) for account in (obj, old or {}))
        if had or not has:
            return []
        text = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        return [f"metadata.annotations[{_MOUNTABLE_SECRETS}]: {text}"]


def _read_annotations(obj: JsonObject) -> JsonObject:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _drop_secret_details(obj: JsonObject) -> None:
    """Keep only the names of secrets. They are in the namespace of the account."""
    for index, secret in enumerate(obj.get("secrets") or ()):
        obj["secrets"][index] = {"name": secret["name"]} if secret.get("name") else {}
