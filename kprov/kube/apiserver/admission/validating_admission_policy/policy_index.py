"""The policies with bindings, by the resources that they may be for.

It follows the watch caches of policies and bindings. A policy is compiled once for each of its generations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.apiserver.admission.validating_admission_policy.compiled_policy import CompiledPolicy
from kprov.kube.apiserver.admission.validating_admission_policy.match_resources import MatchResources
from kprov.kube.apiserver.admission.validating_admission_policy.parameters import (
    ParameterError,
    find_parameter_store,
)
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.resources import Resource

_GROUP = "admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding. match: its matchResources."""

    name: str
    spec: JsonMapping
    match: MatchResources


@dataclass(frozen=True, slots=True)
class Hook:
    """A policy with its bindings. configuration_error: why it cannot be used, "" if it can."""

    name: str
    spec: JsonMapping
    match: MatchResources
    compiled: CompiledPolicy
    bindings: Sequence[Binding]
    parameters: ObjectReader | None
    configuration_error: str


class PolicyIndex:
    """Finds the hooks of a resource."""

    def __init__(self, stores: ObjectStores) -> None:
        self._stores = stores
        self._policies = stores.store(_GROUP, "validatingadmissionpolicies")
        self._bindings = stores.store(_GROUP, "validatingadmissionpolicybindings")
        self._is_following = False
        self._is_stale = True
        self._hooks: list[Hook] = []
        self._by_resource: dict[tuple[str, str], tuple[Hook, ...]] = {}
        #: By name of the policy, with its uid and generation.
        self._compiled: dict[str, tuple[tuple[str, int], CompiledPolicy]] = {}

    async def find_hooks(self, resource: Resource) -> Sequence[Hook]:
        """Return the hooks with a rule for a stored resource, in the order of their names."""
        if not self._is_following:
            await self._follow()
        if self._is_stale:
            self._build()
        if not self._hooks:
            return ()
        key = (resource.group, resource.plural)
        hooks = self._by_resource.get(key)
        if hooks is None:
            hooks = tuple(hook for hook in self._hooks if hook.match.may_match(resource))
            self._by_resource[key] = hooks
        return hooks

    async def _follow(self) -> None:
        """Follow both caches as soon as they are filled."""
        for store in (self._policies, self._bindings):
            if not store.lister.synced:
                await store.catch_up()
        if not self._is_following:
            self._is_following = True
            for store in (self._policies, self._bindings):
                store.lister.on_change(self._forget)

    def _forget(self, *_: object) -> None:
        self._is_stale = True

    def _build(self) -> None:
        self._is_stale = False
        self._by_resource = {}
        bindings: dict[str, list[Binding]] = {}
        for obj in self._bindings.lister.list_shared():
            spec = obj["spec"]
            bindings.setdefault(spec["policyName"], []).append(
                Binding(obj["metadata"]["name"], spec, MatchResources(spec.get("matchResources")))
            )
        policies = {policy["metadata"]["name"]: policy for policy in self._policies.lister.list_shared()}
        self._compiled = {name: entry for name, entry in self._compiled.items() if name in policies}
        self._hooks = [
            self._make_hook(policies[name], sorted(bindings[name], key=lambda binding: binding.name))
            for name in sorted(policies.keys() & bindings.keys())
        ]

    def _make_hook(self, policy: JsonMapping, bindings: Sequence[Binding]) -> Hook:
        spec = policy["spec"]
        parameters, error = None, ""
        if spec.get("paramKind") is not None:
            try:
                parameters = find_parameter_store(self._stores, spec["paramKind"])
            except ParameterError as problem:
                error = str(problem)
        return Hook(
            policy["metadata"]["name"],
            spec,
            MatchResources(spec.get("matchConstraints")),
            self._compile(policy),
            bindings,
            parameters,
            error,
        )

    def _compile(self, policy: JsonMapping) -> CompiledPolicy:
        metadata = policy["metadata"]
        version = (metadata["uid"], metadata.get("generation", 0))
        known = self._compiled.get(metadata["name"])
        if known is None or known[0] != version:
            known = self._compiled[metadata["name"]] = (version, CompiledPolicy(policy))
        return known[1]
