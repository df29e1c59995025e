"""PodSecurity: rejects pods that violate the level in the labels of their namespace; warns of workloads.

Source: upstream staging/src/k8s.io/pod-security-admission/admission, plugin/pkg/admission/security.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from kprov.kube.apiserver.admission.configuration import (
    ConfigurationError,
    WantsConfiguration,
    check_configuration,
)
from kprov.kube.apiserver.admission.plugin import Attributes, forbidden_error
from kprov.kube.apiserver.admission.pod_security_policy import levels
from kprov.kube.apiserver.admission.pod_security_policy.evaluator import evaluate
from kprov.kube.apiserver.admission.pod_security_policy.levels import MODES, PREFIX, LevelVersion, Policy
from kprov.kube.apiserver.interfaces.objects import CacheReader, FindTemplate, ObjectReader, ObjectStores
from kprov.kube.machinery import names, status
from kprov.kube.machinery.json_object import JsonObject

_IGNORED: Final = frozenset({
    "exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status",
})  # fmt: skip
_MOST_PODS: Final = 3000
_MOST_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Exemptions:
    usernames: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


_KINDS: Final = {
    f"pod-security.admission.config.k8s.io/{version}": "PodSecurityConfiguration"
    for version in ("v1", "v1beta1", "v1alpha1")
}
_SHAPE: Final = {
    "defaults": {f"{mode}{part}": str for mode in MODES for part in ("", "-version")},
    "exemptions": {"usernames": [str], "namespaces": [str], "runtimeClasses": [str]},
}


class PodSecurity(WantsConfiguration):
    name = "PodSecurity"

    def __init__(
        self,
        namespaces: ObjectReader,
        pods: CacheReader,
        template_finders: Mapping[tuple[str, str], FindTemplate],
    ) -> None:
        """template_finders: by (group, plural) of the kinds with a pod template."""
        self._namespaces = namespaces
        self._pods = pods
        self._template_finders = template_finders
        self.resources = frozenset({("", "pods"), ("", "namespaces"), *template_finders})
        self._defaults = Policy()
        self._exempt = _Exemptions()

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        pods = stores.store("", "pods").lister
        return cls(stores.store("", "namespaces"), pods, stores.template_finders)

    def configure(self, source: Any) -> None:
        """Defaults and exemptions of a PodSecurityConfiguration."""
        check_configuration(source, self.name, _KINDS, _SHAPE)
        self._defaults = _parse_defaults(source.get("defaults") or {})
        exemptions = source.get("exemptions") or {}
        self._exempt = _Exemptions(
            usernames=_parse_exempt(exemptions, "usernames", _check_username),
            namespaces=_parse_exempt(exemptions, "namespaces", names.is_dns1123_label),
            runtime_classes=_parse_exempt(exemptions, "runtimeClasses", names.is_dns1123_subdomain),
        )

    async def validate(self, attributes: Attributes) -> None:
        resource, obj = attributes.resource, attributes.obj
        if obj is None:
            return
        if (resource.group, resource.plural) == ("", "namespaces"):
            if not attributes.subresource:
                self._check_namespace(attributes, obj)
            return
        is_pod = (resource.group, resource.plural) == ("", "pods")
        if attributes.subresource and (not is_pod or attributes.subresource in _IGNORED):
            return
        if not self._is_exempt(attributes):
            await self._apply_policy(attributes, obj, is_pod=is_pod)

    async def _apply_policy(self, attributes: Attributes, obj: JsonObject, *, is_pod: bool) -> None:
        policy, errors = await self._find_policy(attributes)
        if policy is None:
            return
        if not errors and policy.is_privileged:
            if is_pod:
                _annotate(attributes, "enforce-policy", "privileged:latest")
            return
        if errors:
            texts = ", ".join(f"{error.field}: {error.message}" for error in errors)
            shown = texts if len(errors) == 1 else f"[{texts}]"
            _annotate(attributes, "error", f"Failed to parse policy: {shown}")
        if is_pod:
            if attributes.operation == "UPDATE" and not _is_significant(obj, attributes.old or {}):
                return
            self._evaluate(attributes, policy, obj.get("metadata") or {}, obj["spec"], enforce=True)
        elif errors or not policy.warn.level == policy.audit.level == levels.PRIVILEGED:
            self._evaluate_template(attributes, policy, obj)

    def _evaluate_template(self, attributes: Attributes, policy: Policy, obj: JsonObject) -> None:
        resource = attributes.resource
        template = self._template_finders[resource.group, resource.plural](obj)
        if template is not None:
            metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
            self._evaluate(attributes, policy, metadata, spec, enforce=False)

    def _is_exempt(self, attributes: Attributes) -> bool:
        if attributes.namespace in self._exempt.namespaces:
            _annotate(attributes, "exempt", "namespace")
            return True
        if attributes.context.user.name in self._exempt.usernames:
            _annotate(attributes, "exempt", "user")
            return True
        return False

    async def _find_policy(self, attributes: Attributes) -> tuple[Policy | None, Sequence[Any]]:
        namespace = self._namespaces.lister.get_shared("", attributes.namespace)
        if namespace is None:
            await self._namespaces.catch_up()
            namespace = self._namespaces.lister.get_shared("", attributes.namespace)
        if namespace is None:
            if attributes.resource.plural != "pods":
                return None, ()
            raise status.internal_error(f'failed to lookup namespace "{attributes.namespace}"')
        return levels.parse_labels(namespace["metadata"].get("labels") or {}, self._defaults)

    def _evaluate(
        self, attributes: Attributes, policy: Policy, metadata: JsonObject, spec: JsonObject, *, enforce: bool
    ) -> None:
        if spec.get("runtimeClassName") in self._exempt.runtime_classes:
            _annotate(attributes, "exempt", "runtimeClass")
            return
        told: dict[LevelVersion, str] = {}

        def violations(level: LevelVersion) -> str:
            if level not in told:
                told[level] = ", ".join(map(str, evaluate(level, metadata, spec)))
            return told[level]

        if enforce:
            _annotate(attributes, "enforce-policy", str(policy.enforce))
        if reasons := violations(policy.audit):
            text = f'would violate PodSecurity "{policy.audit}": {reasons}'
            _annotate(attributes, "audit-violations", text)
        if enforce and (reasons := violations(policy.enforce)):
            raise forbidden_error(attributes, f'violates PodSecurity "{policy.enforce}": {reasons}')
        if reasons := violations(policy.warn):
            attributes.context.warnings.append(f'would violate PodSecurity "{policy.warn}": {reasons}')

    def _check_namespace(self, attributes: Attributes, obj: JsonObject) -> None:
        labels = obj["metadata"].get("labels") or {}
        name = obj["metadata"]["name"]
        policy, errors = levels.parse_labels(labels, self._defaults)
        warnings = attributes.context.warnings
        if attributes.operation == "CREATE" or attributes.old is None:
            if errors:
                raise status.invalid("", "Namespace", name, errors)
            if name in self._exempt.namespaces:
                warnings += self._warn_exempt(name, policy, labels)
            return
        before, old_errors = levels.parse_labels(
            attributes.old["metadata"].get("labels") or {}, self._defaults
        )
        if errors and errors != old_errors:
            raise status.invalid("", "Namespace", name, errors)
        if policy.enforce.level == levels.PRIVILEGED or not _is_stricter(policy.enforce, before.enforce):
            return
        if name in self._exempt.namespaces:
            warnings += self._warn_exempt(name, policy, labels)
            return
        warnings += self._warn_existing_pods(name, policy.enforce)

    def _warn_exempt(self, name: str, policy: Policy, labels: JsonObject) -> list[str]:
        if policy.is_privileged or policy.is_equivalent(self._defaults):
            return []
        shown = ", ".join(
            f"{mode}={getattr(policy, mode)}"
            for mode in MODES
            if getattr(policy, mode).level != levels.PRIVILEGED
            and (PREFIX + mode in labels or f"{PREFIX}{mode}-version" in labels)
        )
        return [f'namespace "{name}" is exempt from Pod Security, and the policy ({shown}) will be ignored']

    def _warn_existing_pods(self, namespace: str, level: LevelVersion) -> list[str]:
        """Warnings for existing pods that violate a stricter level."""
        end = time.monotonic() + _MOST_SECONDS
        pods = self._select_pods(self._pods.list(namespace))
        checked = 0
        pods_by_reasons: dict[str, list[str]] = {}
        for pod in pods[:_MOST_PODS]:
            reasons = [violation.reason for violation in evaluate(level, pod["metadata"], pod["spec"])]
            if reasons:
                pods_by_reasons.setdefault(", ".join(reasons), []).append(pod["metadata"]["name"])
            checked += 1
            if time.monotonic() > end:
                break
        warnings = []
        if checked < len(pods):
            text = "new PodSecurity enforce level only checked against the first "
            warnings.append(f"{text}{checked} of {len(pods)} existing pods")
        if pods_by_reasons:
            text = f'existing pods in namespace "{namespace}" violate'
            warnings.append(f'{text} the new PodSecurity enforce level "{level}"')
        return warnings + sorted(
            f"{_format_names(names)}: {reasons}" for reasons, names in pods_by_reasons.items()
        )

    def _select_pods(self, pods: Sequence[JsonObject]) -> list[JsonObject]:
        """Return the pods that are not exempt, with one pod of each controller first."""
        first: list[JsonObject] = []
        later: list[JsonObject] = []
        seen = set()
        for pod in pods:
            if pod["spec"].get("runtimeClassName") in self._exempt.runtime_classes:
                continue
            owners = pod["metadata"].get("ownerReferences") or ()
            owner = next((reference["uid"] for reference in owners if reference.get("controller")), None)
            (later if owner in seen else first).append(pod)
            if owner is not None:
                seen.add(owner)
        return first + later


def _annotate(attributes: Attributes, key: str, text: str) -> None:
    attributes.context.annotate(PREFIX + key, text)


def _format_names(names: list[str]) -> str:
    others = len(names) - 1
    more = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
    return min(names) + more


def _is_stricter(new: LevelVersion, old: LevelVersion) -> bool:
    """Whether the new level may reject pods that the old one allowed."""
    if new == old:
        return False
    return new.minor != old.minor or levels.LEVELS.index(new.level) > levels.LEVELS.index(old.level)


def _is_significant(pod: JsonObject, old: JsonObject) -> bool:
    """Whether an update changes an image or adds a container."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    for kind in ("containers", "initContainers"):
        new, had = spec.get(kind) or [], before.get(kind) or []
        if [container.get("image") for container in new] != [container.get("image") for container in had]:
            return True
    images = {
        ephemeral_container["name"]: ephemeral_container.get("image")
        for ephemeral_container in before.get("ephemeralContainers") or ()
    }
    return any(
        ephemeral_container["name"] not in images
        or images[ephemeral_container["name"]] != ephemeral_container.get("image")
        for ephemeral_container in spec.get("ephemeralContainers") or ()
    )


def _check_username(value: str) -> list[str]:
    return [] if value else ["username must not be empty"]


def _parse_exempt(exemptions: JsonObject, field: str, wrong: Callable[[str], list[str]]) -> frozenset[str]:
    """Return the exemptions of a field. Raise ConfigurationError for invalid or duplicate ones."""
    values: set[str] = set()
    for index, value in enumerate(exemptions.get(field) or ()):
        why = wrong(value) or (["Duplicate value"] if value in values else [])
        if why:
            where = f"configuration of PodSecurity: exemptions.{field}[{index}]"
            raise ConfigurationError(f"{where}: {value!r}: {', '.join(why)}")
        values.add(value)
    return frozenset(values)


def _parse_defaults(defaults: JsonObject) -> Policy:
    modes = {}
    for mode in MODES:
        try:
            level = levels.parse_level(defaults.get(mode) or levels.PRIVILEGED)
            minor = levels.parse_version(defaults.get(f"{mode}-version") or "latest")
        except ValueError as error:
            raise ConfigurationError(f"configuration of PodSecurity: defaults.{mode}: {error}") from error
        modes[mode] = LevelVersion(level, minor)
    return Policy(**modes)
