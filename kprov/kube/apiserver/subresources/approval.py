"""certificatesigningrequests/approval: write the conditions of a request.

Source: upstream pkg/registry/certificates/certificates/strategy.go (csrApprovalStrategy).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.certificates.certificate_signing_request.conditions import (
    list_conditions,
    set_condition_times,
    validate_condition_changes,
    validate_conditions,
)
from kprov.kube.apiserver.registry.certificates.certificate_signing_request.strategy import (
    CertificateSigningRequestStrategy,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import keep_field
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find


class ApprovalStrategy(CertificateSigningRequestStrategy):
    """Writes only the conditions."""

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        set_condition_times(obj, old)
        written = list_conditions(obj)
        keep_field(obj, old, "spec")
        obj["status"] = {
            name: value for name, value in (old.get("status") or {}).items() if name != "conditions"
        }
        if written:
            obj["status"]["conditions"] = written

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_conditions(obj) + validate_condition_changes(obj, old, decides=True)


class ApprovalHandler:
    """GET, PUT and PATCH."""

    def __init__(self) -> None:
        resource = find("certificates.k8s.io", "v1", "certificatesigningrequests")
        assert resource is not None
        self._strategy = ApprovalStrategy(resource)

    async def handle(self, call: Call) -> Reply:
        store = call.registry.store(call.resource.group, call.resource.plural)
        if call.context.info.verb == "get":
            return Reply(await store.get(call.context, "", call.name))
        wanted = await call.read_change()
        obj, _ = await store.update(
            call.context,
            "",
            call.name,
            lambda old: wanted(old or {}),
            subresource="approval",
            strategy=self._strategy,
        )
        return Reply(obj)
