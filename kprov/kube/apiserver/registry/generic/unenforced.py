"""Warns about objects that the server stores although nothing acts on them yet."""

from __future__ import annotations

import logging
from typing import Any

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.resources import Resource

log = logging.getLogger(__name__)


def warn(context: RequestContext, resource: Resource, strategy: Strategy, obj: dict[str, Any]) -> None:
    """Add a Warning header and a log line if the written object lacks an effect."""
    feature = strategy.find_missing_feature(obj)
    if not feature:
        return
    kind, name = resource.kind, obj["metadata"]["name"]
    effect = strategy.missing_effect
    context.warnings.append(f"kprov does not support {feature} yet: this {kind} {effect}")
    if not context.dry_run:
        log.warning('%s "%s" is stored but %s: kprov does not support %s yet', kind, name, effect, feature)
