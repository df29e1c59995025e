"""Writes the type checks of validating admission policies.

Source: pkg/controller/validatingadmissionpolicystatus.
"""

from typing import Any, Final

from kprov.kube.api.admission_registration import ValidatingAdmissionPolicy
from kprov.kube.client.resource import APPLY_PATCH
from kprov.kube.controller_manager.framework.controller import Context, Controller

_GROUP: Final = "admissionregistration.k8s.io"
_MANAGER: Final = "validatingadmissionpolicy-status"


class AdmissionPolicyStatusController(Controller):
    """Keys are policies."""

    name = "validatingadmissionpolicy-status"
    concurrency = "concurrent_validating_admission_policy_status_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._policies = context.informers.informer(
            _GROUP, "v1", "validatingadmissionpolicies", ValidatingAdmissionPolicy
        )
        self._policies.add_handler(on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new))

    async def sync(self, key: str) -> None:
        policy = self._policies.get("", key)
        if policy is None or policy.metadata.generation <= policy.status.observed_generation:
            return
        # Imported here: a cluster without policies does without the library.
        from kprov.kube.controller_manager.admission_policy_status.type_checking import find_warnings

        warnings = [
            {"fieldRef": warning.field, "warning": warning.text} for warning in find_warnings(policy.spec)
        ]
        # Present without warnings, too: it says that the check is done.
        checked: dict[str, Any] = {"expressionWarnings": warnings} if warnings else {}
        body = {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": key},
            "status": {"observedGeneration": policy.metadata.generation, "typeChecking": checked},
        }
        await self.resource_of(self._policies).patch(
            key, body, patch_type=APPLY_PATCH, subresource="status", field_manager=_MANAGER, force=True
        )
