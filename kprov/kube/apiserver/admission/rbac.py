"""RBAC escalation checks, before a role or a binding is stored.

Upstream has them around the storage of the RBAC kinds (pkg/registry/rbac/*/policybased).
"""

from __future__ import annotations

from kprov.kube.apiserver.admission.plugin import Attributes, WantsAuthorizer, forbidden_error
from kprov.kube.apiserver.authz.escalation import EscalationCheck
from kprov.kube.apiserver.authz.rbac import GROUP
from kprov.kube.apiserver.authz.union import MASTERS, Union


class RBACEscalation(WantsAuthorizer):
    """Not an upstream plugin, so no flag disables it.

    It runs at the end of the mutating phase, because upstream checks escalation before validation.
    """

    name = "RBACEscalation"
    resources = frozenset({
        (GROUP, "roles"),
        (GROUP, "clusterroles"),
        (GROUP, "rolebindings"),
        (GROUP, "clusterrolebindings"),
    })  # fmt: skip

    async def admit(self, attributes: Attributes) -> None:
        user, obj = attributes.context.user, attributes.obj
        if obj is None or MASTERS in user.groups or not isinstance(self.authorizer, Union):
            return
        escalation, plural = EscalationCheck(self.authorizer), attributes.resource.plural
        if plural.endswith("bindings"):
            reason = await escalation.check_binding(user, obj, attributes.old)
        else:
            name = attributes.context.info.name
            reason = await escalation.check_role(user, obj, attributes.old, plural, name)
        if reason:
            raise forbidden_error(attributes, reason)
