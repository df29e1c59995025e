"""Which plugins run, in upstream's order (pkg/kubeapiserver/options/plugins.go), and the chain that runs them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from kprov.kube.apiserver.admission.limit_ranger import LimitRanger
from kprov.kube.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kprov.kube.apiserver.admission.node_restriction import NodeRestriction
from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.admission.pods import DefaultTolerationSeconds, Priority, TaintNodesByCondition
from kprov.kube.apiserver.admission.service_account import ServiceAccount
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery.resources import Resource

#: Upstream's order; those in DEFAULT run unless they are disabled.
ORDER: tuple[type[AdmissionPlugin], ...] = (
    NamespaceLifecycle,
    LimitRanger,
    ServiceAccount,
    NodeRestriction,
    TaintNodesByCondition,
    Priority,
    DefaultTolerationSeconds,
)
NOT_DEFAULT = frozenset({"NodeRestriction"})


class Chain:
    """Runs all plugins that look at an operation."""

    def __init__(self, plugins: Sequence[AdmissionPlugin]) -> None:
        self._plugins = plugins

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase."""
        for plugin in self._plugins:
            if attributes.operation in plugin.operations:
                await plugin.admit(attributes)

    async def validate(self, attributes: Attributes) -> None:
        """Validating phase."""
        for plugin in self._plugins:
            if attributes.operation in plugin.operations:
                await plugin.validate(attributes)

    def handles(self, resource: Resource, operation: str) -> bool:
        """NamespaceLifecycle looks at everything that is namespaced; the others at little."""
        del resource
        return any(operation in plugin.operations for plugin in self._plugins)


def build(options: Namespace, registry: Registry) -> Chain:
    """By --enable- and --disable-admission-plugins. Raises SystemExit for names that are not there."""
    known = {plugin.name for plugin in ORDER}
    enabled, disabled = set(options.enable_admission_plugins), set(options.disable_admission_plugins)
    for name in sorted((enabled | disabled) - known):
        raise SystemExit(
            f"Error: --enable-admission-plugins: {name} is not there; there are {', '.join(sorted(known))}"
        )
    running = [
        plugin for plugin in ORDER if plugin.name in enabled or (plugin.name not in disabled | NOT_DEFAULT)
    ]
    return Chain([plugin(registry) for plugin in running])  # type: ignore[call-arg]
