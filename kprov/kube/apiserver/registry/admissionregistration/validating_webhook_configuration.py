"""Validating webhook configurations."""

from __future__ import annotations

from kprov.kube.apiserver.registry.admissionregistration.webhook_configuration import (
    WebhookConfigurationStrategy,
)


class ValidatingWebhookConfigurationStrategy(WebhookConfigurationStrategy):
    """All its rules are those of WebhookConfigurationStrategy."""
