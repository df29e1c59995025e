"""The admission plugins in upstream's order (pkg/kubeapiserver/options/plugins.go), and the chain of them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Final, NamedTuple

from kprov.kube.apiserver.admission import configuration
from kprov.kube.apiserver.admission.always import AlwaysAdmit, AlwaysDeny, AlwaysPullImages
from kprov.kube.apiserver.admission.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from kprov.kube.apiserver.admission.event_rate_limit import EventRateLimit
from kprov.kube.apiserver.admission.limit_ranger import LimitRanger
from kprov.kube.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kprov.kube.apiserver.admission.namespaces import NamespaceAutoProvision, NamespaceExists
from kprov.kube.apiserver.admission.network import DefaultIngressClass, DenyServiceExternalIPs
from kprov.kube.apiserver.admission.node_declared_features import NodeDeclaredFeatureValidator
from kprov.kube.apiserver.admission.node_restriction import NodeRestriction
from kprov.kube.apiserver.admission.owner_references import OwnerReferencesPermissionEnforcement
from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, WantsAuthorizer, WantsOptions
from kprov.kube.apiserver.admission.pod_placement import (
    ExtendedResourceToleration,
    LimitPodHardAntiAffinityTopology,
    PodTopologyLabels,
)
from kprov.kube.apiserver.admission.pod_resize import PodResizeValidator
from kprov.kube.apiserver.admission.pod_security import PodSecurity
from kprov.kube.apiserver.admission.pods import DefaultTolerationSeconds, Priority, TaintNodesByCondition
from kprov.kube.apiserver.admission.rbac import RBACEscalation
from kprov.kube.apiserver.admission.resource_quota import ResourceQuota
from kprov.kube.apiserver.admission.runtime_class import RuntimeClass
from kprov.kube.apiserver.admission.service_account import ServiceAccount
from kprov.kube.apiserver.admission.storage import (
    DefaultStorageClass,
    PersistentVolumeClaimResize,
    StorageObjectInUseProtection,
)
from kprov.kube.apiserver.admission.timing import AdmissionMetrics
from kprov.kube.apiserver.admission.validating_admission_policy.plugin import ValidatingAdmissionPolicy
from kprov.kube.apiserver.interfaces import Authorizer
from kprov.kube.apiserver.interfaces.objects import ObjectStores
from kprov.kube.machinery import status
from kprov.kube.machinery.resources import Resource

#: In upstream's order. Those outside of NOT_DEFAULT run unless they are disabled.
ORDER: Final[tuple[type[AdmissionPlugin], ...]] = (
    AlwaysAdmit,
    NamespaceAutoProvision,
    NamespaceLifecycle,
    NamespaceExists,
    LimitPodHardAntiAffinityTopology,
    LimitRanger,
    ServiceAccount,
    NodeRestriction,
    TaintNodesByCondition,
    AlwaysPullImages,
    PodSecurity,
    Priority,
    DefaultTolerationSeconds,
    EventRateLimit,
    ExtendedResourceToleration,
    DefaultStorageClass,
    StorageObjectInUseProtection,
    OwnerReferencesPermissionEnforcement,
    PersistentVolumeClaimResize,
    RuntimeClass,
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
    DefaultIngressClass,
    DenyServiceExternalIPs,
    PodTopologyLabels,
    NodeDeclaredFeatureValidator,
    PodResizeValidator,
    ValidatingAdmissionPolicy,
    ResourceQuota,
    AlwaysDeny,
)
NOT_DEFAULT: Final = frozenset({
    "AlwaysAdmit",
    "NamespaceAutoProvision",
    "NamespaceExists",
    "LimitPodHardAntiAffinityTopology",
    "NodeRestriction",
    "AlwaysPullImages",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "OwnerReferencesPermissionEnforcement",
    "DenyServiceExternalIPs",
    "AlwaysDeny",
})  # fmt: skip
#: Plugins of upstream that this server does not have. They may be disabled, not enabled.
MISSING: Final = frozenset({
    "ImagePolicyWebhook",
    "PodNodeSelector",
    "PodTolerationRestriction",
    "PodGroupProtection",
    "ClusterTrustBundleAttest",
    "PodGroupWorkloadExists",
    "JobValidation",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionWebhook",
})  # fmt: skip


class _SelectedPlugins(NamedTuple):
    """The plugins for an operation on a resource, and those of them with work in each phase."""

    plugins: tuple[AdmissionPlugin, ...]
    admitting: tuple[AdmissionPlugin, ...]
    validating: tuple[AdmissionPlugin, ...]


class Chain:
    """Runs the plugins that handle an operation on a resource."""

    def __init__(self, plugins: Sequence[AdmissionPlugin]) -> None:
        self._plugins = plugins
        self._looking: dict[tuple[str, str, str], _SelectedPlugins] = {}
        self.timing = AdmissionMetrics()

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase."""
        clock = self.timing.begin("admit", attributes.operation)
        for plugin in self._select_plugins(attributes.resource, attributes.operation).admitting:
            try:
                await plugin.admit(attributes)
            except status.StatusError:
                clock.record_rejection(plugin.name)
                raise
            clock.record_plugin(plugin.name)
        clock.record_phase()

    async def validate(self, attributes: Attributes) -> None:
        """Run the validating phase."""
        clock = self.timing.begin("validate", attributes.operation)
        for plugin in self._select_plugins(attributes.resource, attributes.operation).validating:
            try:
                await plugin.validate(attributes)
            except status.StatusError:
                clock.record_rejection(plugin.name)
                raise
            clock.record_plugin(plugin.name)
        clock.record_phase()

    def handles(self, resource: Resource, operation: str) -> bool:
        """Whether any plugin handles the operation."""
        return bool(self._select_plugins(resource, operation).plugins)

    def _select_plugins(self, resource: Resource, operation: str) -> _SelectedPlugins:
        key = (resource.group, resource.plural, operation)
        selected_plugins = self._looking.get(key)
        if selected_plugins is None:
            plugins = tuple(
                plugin
                for plugin in self._plugins
                if operation in plugin.operations
                and (plugin.resources is None or key[:2] in plugin.resources)
            )
            selected_plugins = self._looking[key] = _SelectedPlugins(
                plugins,
                tuple(plugin for plugin in plugins if type(plugin).admit is not AdmissionPlugin.admit),
                tuple(plugin for plugin in plugins if type(plugin).validate is not AdmissionPlugin.validate),
            )
        return selected_plugins


def build(options: Namespace, stores: ObjectStores, authorizer: Authorizer) -> Chain:
    """Return the chain of --enable- and --disable-admission-plugins. Raise SystemExit for unknown names."""
    enabled, disabled = set(options.enable_admission_plugins), set(options.disable_admission_plugins)
    if wrong := _find_name_problem(enabled, disabled):
        raise SystemExit(f"Error: {wrong}")
    running = [
        plugin for plugin in ORDER if plugin.name in enabled or plugin.name not in disabled | NOT_DEFAULT
    ]
    plugins = [plugin.from_stores(stores) for plugin in running]
    plugins.append(RBACEscalation())
    _configure(plugins, getattr(options, "admission_control_config_file", ""))
    for plugin in plugins:
        if isinstance(plugin, WantsAuthorizer):
            plugin.authorizer = authorizer
        if isinstance(plugin, WantsOptions):
            plugin.read_options(options)
    return Chain(plugins)


def _find_name_problem(enabled: set[str], disabled: set[str]) -> str:
    known = {plugin.name for plugin in ORDER}
    for flag, names in (("enable", enabled), ("disable", disabled)):
        for name in sorted(names - known - MISSING):
            return f"{flag}-admission-plugins plugin {status.quoted(name)} is unknown"
    both = sorted(enabled & disabled)
    if both:
        return f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins overlapped"
    for name in sorted(enabled & MISSING):
        return f"enable-admission-plugins: {name} is not supported; use one of {', '.join(sorted(known))}"
    return ""


def _configure(plugins: Sequence[AdmissionPlugin], path: str) -> None:
    wanting = {
        plugin.name: plugin for plugin in plugins if isinstance(plugin, configuration.WantsConfiguration)
    }
    try:
        configurations = configuration.read_configurations(path, _list_configurable())
        for name, plugin in wanting.items():
            if name in configurations:
                plugin.configure(configurations[name])
            else:
                plugin.configure_default()
    except (configuration.ConfigurationError, OSError) as error:
        raise SystemExit(f"Error: --admission-control-config-file: {error}") from error


def _list_configurable() -> set[str]:
    return {plugin.name for plugin in ORDER if issubclass(plugin, configuration.WantsConfiguration)}
