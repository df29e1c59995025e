"""serviceaccounts/token: a token for an account, bound to a pod, secret or node (TokenRequest).

Source: upstream pkg/registry/core/serviceaccount/storage/token.go.
"""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.authentication.service_accounts import TokenSigner, bound_claims
from kprov.kube.apiserver.interfaces import Call, Reply
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import field, status, timestamps

Object = dict[str, Any]
_SHORTEST, _LONGEST = 600, 1 << 32
_DEFAULT: Final = 3600
#: Kubelets ask for this long; the token lives longer, because old clients read it only once.
_ASKED_BY_KUBELETS: Final = 60 * 60 + 7
_EXTENDED: Final = 365 * 24 * 3600


class TokenRequest:
    """Signs with --service-account-signing-key-file; refuses where there is none."""

    def __init__(self, options: Namespace, registry: Registry, signer: TokenSigner | None) -> None:
        issuers = options.service_account_issuer
        self._audiences = list(
            getattr(options, "api_audiences", None) or ([issuers] if isinstance(issuers, str) else issuers)
        )
        self._registry = registry
        self._signer = signer

    async def handle(self, call: Call) -> Reply:
        """POST: the request with its status filled in."""
        if self._signer is None:
            raise status.internal_error("this API server has no --service-account-signing-key-file")
        request = await call.read_object()
        account = await self._registry.store("", "serviceaccounts").get(
            call.context, call.namespace, call.name
        )
        attributes = Attributes(
            context=call.context, operation="CREATE", resource=call.resource, subresource="token",
            namespace=call.namespace, name=call.name, obj=request, old=None, options={},
        )  # fmt: skip
        await call.admission.admit(attributes)
        spec = request.setdefault("spec", {})
        seconds = spec.get("expirationSeconds") or _DEFAULT
        self._check(seconds)
        audiences = spec.get("audiences") or self._audiences
        bound, node = await self._bound(call, spec.get("boundObjectRef"))
        await call.admission.validate(attributes)
        lifetime = seconds
        private: Object = {}
        if (
            seconds == _ASKED_BY_KUBELETS
            and bound is not None
            and bound["kind"] == "Pod"
            and audiences == self._audiences
        ):
            lifetime = _EXTENDED
            private["warnafter"] = seconds
        claims = bound_claims(account, audiences=audiences, seconds=lifetime, bound=bound, node=node)
        if private:
            claims["kubernetes.io"]["warnafter"] = claims["iat"] + seconds
        expires = claims["iat"] + seconds
        request["spec"] = spec | {"audiences": audiences, "expirationSeconds": seconds}
        request["status"] = {
            "token": self._signer.sign(claims),
            "expirationTimestamp": timestamps.show(datetime.fromtimestamp(expires, UTC)),
        }
        meta = request.setdefault("metadata", {})
        meta.update({"name": call.name, "namespace": call.namespace, "creationTimestamp": timestamps.now()})
        return Reply(request, 201)

    def _check(self, seconds: int) -> None:
        errors = []
        if seconds < _SHORTEST:
            errors.append(
                field.invalid(
                    "spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"
                )
            )
        if seconds > _LONGEST:
            errors.append(
                field.invalid(
                    "spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"
                )
            )
        if errors:
            raise status.invalid("authentication.k8s.io", "TokenRequest", "", errors)

    async def _bound(self, call: Call, reference: Object | None) -> tuple[Object | None, Object | None]:
        """The object that the token is bound to, and a pod's node."""
        if not reference:
            return None, None
        plural = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}.get(reference.get("kind", ""))
        if plural is None:
            text = f"cannot bind token for serviceaccount {call.name!r} to type {reference.get('kind')}"
            raise status.bad_request(text)
        store = self._registry.store("", plural)
        namespace = "" if plural == "nodes" else call.namespace
        bound = await store.get(call.context, namespace, reference.get("name", ""))
        bound.setdefault("kind", reference["kind"])
        if reference.get("uid") and reference["uid"] != bound["metadata"]["uid"]:
            text = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in "
                "record. The object might have been deleted and then recreated"
            )
            raise status.conflict(store.resource, bound["metadata"]["name"], text)
        if plural == "pods" and bound["spec"].get("serviceAccountName") != call.name:
            text = (
                f"cannot bind token for serviceaccount {call.name!r} to pod running with different "
                "serviceaccount name."
            )
            raise status.bad_request(text)
        node_name = bound["spec"].get("nodeName", "") if plural == "pods" else ""
        return bound, self._registry.store("", "nodes").lister.get("", node_name) if node_name else None
