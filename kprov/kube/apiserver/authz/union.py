"""The authorizers of --authorization-mode in order; the first with an opinion decides."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final

from kprov.kube.apiserver.authz import bootstrap_policy
from kprov.kube.apiserver.authz.node import NodeAuthorizer
from kprov.kube.apiserver.authz.rbac import RBACAuthorizer
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.interfaces.objects import ObjectStores
from kprov.kube.apiserver.request import RequestInfo, UserInfo

MASTERS: Final = "system:masters"


class AlwaysAllow:
    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        del user, info
        return Decision.ALLOW, ""


class AlwaysDeny:
    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        del user, info
        return Decision.NO_OPINION, "Everything is forbidden."


_ALWAYS: Final[Mapping[str, Authorizer]] = {"AlwaysAllow": AlwaysAllow(), "AlwaysDeny": AlwaysDeny()}


class Union:
    """Allows system:masters everything. For others the first authorizer with an opinion decides."""

    def __init__(self, authorizers: Mapping[str, Authorizer], rbac: RBACAuthorizer | None) -> None:
        """Take the authorizers by type, in order."""
        self._made = {**_ALWAYS, **authorizers}
        self._authorizers = list(authorizers.values())
        self.rbac = rbac

    def set_modes(self, modes: Sequence[str]) -> None:
        """Change the order. Raise ConfigError for a type that was not enabled at the start."""
        for mode in modes:
            if mode not in self._made:
                raise ConfigError(
                    f"authorizer type {mode} is not allowed if it was not enabled at initial server startup"
                )
        self._authorizers = [self._made[mode] for mode in modes]

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """Return the decision; without one the reasons of all authorizers."""
        if MASTERS in user.groups:
            return Decision.ALLOW, ""
        reasons = []
        for authorizer in self._authorizers:
            decision, reason = await authorizer.authorize(user, info)
            if decision is not Decision.NO_OPINION:
                return decision, reason
            if reason:
                reasons.append(reason)
        return Decision.NO_OPINION, "\n".join(reasons)


def build(options: Namespace, stores: ObjectStores) -> Union:
    """By options.authorization_mode. Raises SystemExit for a mode that is not supported."""
    made: dict[str, Authorizer] = {}
    for mode in options.authorization_mode:
        match mode:
            case "RBAC":
                made[mode] = RBACAuthorizer.from_stores(stores)
            case "Node":
                made[mode] = NodeAuthorizer.from_stores(stores, bootstrap_policy.load_rules("system:node"))
            case "AlwaysAllow" | "AlwaysDeny":
                made[mode] = _ALWAYS[mode]
            case _:
                known = "Node, RBAC, AlwaysAllow, AlwaysDeny"
                raise SystemExit(f"Error: --authorization-mode: {mode} is not supported ({known})")
    rbac = made.get("RBAC")
    return Union(made, rbac if isinstance(rbac, RBACAuthorizer) else None)
