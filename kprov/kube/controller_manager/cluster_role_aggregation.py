"""Fills cluster roles with the rules of others, by label (pkg/controller/clusterroleaggregation)."""

import msgspec

from kprov.kube.api.rbac import ClusterRole, PolicyRule
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import parse_selector

_GROUP = "rbac.authorization.k8s.io"


class ClusterRoleAggregation(Controller):
    """Keys are cluster roles that have an aggregation rule."""

    name = "ClusterRoleAggregator"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._roles = context.informers.informer(_GROUP, "v1", "clusterroles", ClusterRole)
        self._roles.add_handler(
            on_add=self._handle_change,
            on_update=lambda _, new: self._handle_change(new),
            on_delete=self._handle_change,
        )

    async def sync(self, key: str) -> None:
        role = self._roles.get("", key)
        if role is None or role.aggregation_rule is None:
            return
        rules = aggregate_rules(role, self._roles.list())
        if rules == (role.rules or []):
            return
        body = {
            "metadata": {"resourceVersion": role.metadata.resource_version},
            "rules": [msgspec.to_builtins(rule) for rule in rules],
        }
        await self.resource_of(self._roles).patch(key, body)

    def _handle_change(self, _: ClusterRole) -> None:
        for role in self._roles.list():
            if role.aggregation_rule is not None:
                self.enqueue(role)


def aggregate_rules(role: ClusterRole, roles: list[ClusterRole]) -> list[PolicyRule]:
    """Return the rules of all roles that one of the selectors matches, by name, each rule once."""
    if role.aggregation_rule is None:
        return list(role.rules or [])
    # Comparing each rule with all others takes minutes for thousands of rules.
    rules: dict[bytes, PolicyRule] = {}
    for selector in map(parse_selector, role.aggregation_rule.cluster_role_selectors):
        for other in sorted(roles, key=lambda candidate: candidate.metadata.name):
            if other.metadata.name != role.metadata.name and selector.matches(other.metadata.labels):
                for rule in other.rules or []:
                    rules.setdefault(msgspec.json.encode(rule), rule)
    return list(rules.values())
