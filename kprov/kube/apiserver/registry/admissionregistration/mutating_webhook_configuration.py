"""Mutating webhook configurations. Their webhooks have a reinvocationPolicy."""

from __future__ import annotations

from kprov.kube.apiserver.registry.admissionregistration.webhook_configuration import (
    WebhookConfigurationStrategy,
)
from kprov.kube.apiserver.registry.generic.defaulting import set_defaults
from kprov.kube.machinery.json_object import JsonObject


class MutatingWebhookConfigurationStrategy(WebhookConfigurationStrategy):
    def default(self, obj: JsonObject) -> None:
        super().default(obj)
        for hook in obj.get("webhooks") or ():
            set_defaults(hook, reinvocationPolicy="Never")
