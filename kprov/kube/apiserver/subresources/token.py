"""serviceaccounts/token: issue a token for an account, bound to a pod, secret or node (TokenRequest).

Source: upstream pkg/registry/core/serviceaccount/storage/token.go.
"""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Final

from kprov.kube.apiserver.authn.service_accounts import TokenSigner, build_claims
from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery import field, status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership

_SHORTEST, _LONGEST = 600, 1 << 32
_DEFAULT: Final = 3600
_GVK: Final = ("authentication.k8s.io", "v1", "TokenRequest")
#: Kubelets request this lifetime. The token lives longer, because old clients read it only once.
_ASKED_BY_KUBELETS: Final = 60 * 60 + 7
_EXTENDED: Final = 365 * 24 * 3600
_BINDABLE: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class TokenRequestHandler:
    """Signs with --service-account-signing-key-file; rejects requests without one."""

    def __init__(self, options: Namespace, registry: Registry, signer: TokenSigner | None) -> None:
        issuers = options.service_account_issuer
        self._audiences = list(
            getattr(options, "api_audiences", None) or ([issuers] if isinstance(issuers, str) else issuers)
        )
        self._extends = bool(getattr(options, "service_account_extend_token_expiration", True))
        self._registry = registry
        self._signer = signer

    async def handle(self, call: Call) -> Reply:
        """Handle POST: reply with the request and its status."""
        if self._signer is None:
            raise status.internal_error("this API server has no --service-account-signing-key-file")
        request = await call.read_object()
        attributes = Attributes(
            context=call.context, operation="CREATE", resource=call.resource, subresource="token",
            namespace=call.namespace, name=call.name, obj=request, old=None, options={},
        )  # fmt: skip
        request_metadata = request.setdefault("metadata", {})
        metadata.check_namespace(request_metadata.get("namespace"), call.namespace)
        spec = request.setdefault("spec", {})
        if spec.get("expirationSeconds") is None:
            spec["expirationSeconds"] = _DEFAULT
        field_ownership.update(None, request, _GVK, manager=call.context.manager, subresource="token")
        await call.admission.admit(attributes)
        _check_name(request_metadata, call)
        account = await self._registry.store("", "serviceaccounts").get(
            call.context, call.namespace, call.name
        )
        _check_uid(request_metadata, account["metadata"])
        seconds = spec["expirationSeconds"]
        self._check_seconds(seconds)
        audiences = spec.get("audiences") or self._audiences
        await call.admission.validate(attributes)
        bound, node = await self._find_bound_object(call, spec.get("boundObjectRef"))
        lifetime = seconds
        extended = (
            self._extends
            and seconds == _ASKED_BY_KUBELETS
            and bound is not None
            and bound["kind"] == "Pod"
            and set(audiences) <= set(self._audiences)
        )
        if extended:
            lifetime = _EXTENDED
        claims = build_claims(account, audiences=audiences, seconds=lifetime, bound=bound, node=node)
        if extended:
            claims["kubernetes.io"]["warnafter"] = claims["iat"] + seconds
        call.context.annotate("authentication.kubernetes.io/issued-credential-id", f"JTI={claims['jti']}")
        expires = claims["iat"] + seconds
        told = {"audiences": audiences, "expirationSeconds": seconds}
        request["spec"] = {"boundObjectRef": None} | spec | told
        request["status"] = {
            "token": self._signer.sign(claims),
            "expirationTimestamp": timestamps.show(datetime.fromtimestamp(expires, UTC)),
        }
        meta = request.setdefault("metadata", {})
        meta.update({"name": call.name, "namespace": call.namespace, "creationTimestamp": timestamps.now()})
        meta["uid"] = account["metadata"]["uid"]
        return Reply(request, 201)

    def _check_seconds(self, seconds: int) -> None:
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

    async def _find_bound_object(
        self, call: Call, reference: JsonObject | None
    ) -> tuple[JsonObject | None, JsonObject | None]:
        """Return the object to which the token is bound, and the node of a pod."""
        if reference is None:
            return None, None
        kind, group = reference.get("kind", ""), _parse_group(reference)
        plural = "" if group else _BINDABLE.get(kind, "")
        if not plural:
            version = reference.get("apiVersion", "").rpartition("/")[2]
            text = f"cannot bind token to object of type {group}/{version}, Kind={kind}"
            raise status.bad_request(text)
        store = self._registry.store("", plural)
        if not reference.get("name"):
            raise status.bad_request("Name parameter required.")
        namespace = "" if plural == "nodes" else call.namespace
        bound = {**await store.get(call.context, namespace, reference.get("name", "")), "kind": kind}
        if plural == "pods" and bound["spec"].get("serviceAccountName") != call.name:
            text = (
                f"cannot bind token for serviceaccount {status.quoted(call.name)} to pod running with "
                "different serviceaccount name."
            )
            raise status.bad_request(text)
        if reference.get("uid") and reference["uid"] != bound["metadata"]["uid"]:
            text = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the UID in "
                "record. The object might have been deleted and then recreated"
            )
            raise status.conflict(kind, bound["metadata"]["name"], text)
        node_name = bound["spec"].get("nodeName", "") if plural == "pods" else ""
        if not node_name:
            return bound, None
        # For a deleted node, the token has only the name.
        node = self._registry.store("", "nodes").lister.get("", node_name)
        return bound, node or {"metadata": {"name": node_name, "uid": ""}}


def _parse_group(reference: JsonObject) -> str:
    """Return the group of an apiVersion, "" for the core group and an invalid apiVersion."""
    parts = str(reference.get("apiVersion") or "").split("/")
    return parts[0] if len(parts) == 2 else ""


def _check_name(request_metadata: JsonObject, call: Call) -> None:
    """Raise StatusError 422 if the request has another name than the path."""
    if request_metadata.get("name") and request_metadata["name"] != call.name:
        text = "must match the service account name if specified"
        error = field.invalid("metadata.name", request_metadata["name"], text)
        raise status.invalid("authentication.k8s.io", "TokenRequest", call.name, [error])


def _check_uid(request_metadata: JsonObject, account: JsonObject) -> None:
    if request_metadata.get("uid") and request_metadata["uid"] != account["uid"]:
        text = (
            f"the UID in the token request ({request_metadata['uid']}) does not match the UID of the service "
            f"account ({account['uid']})"
        )
        raise status.conflict("TokenRequest.authentication.k8s.io", account["name"], text)
