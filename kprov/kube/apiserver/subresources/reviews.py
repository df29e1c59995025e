"""Reviews: TokenReview, SubjectAccessReview and its variants, SelfSubjectReview. They are not stored."""

from __future__ import annotations

import copy
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver import authn, authz
from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.apiserver.authn.union import find_bearer_token
from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.generic.ownership import Ownership
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import ANONYMOUS, RequestInfo, UserInfo
from kprov.kube.apiserver.subresources import review_selectors
from kprov.kube.apiserver.subresources.call import Call, Reply, SubresourceHandler
from kprov.kube.apiserver.subresources.token import TokenRequestHandler
from kprov.kube.machinery import field, status, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema

#: Metadata fields that a client cannot set on a new object.
_SYSTEM: Final = ("selfLink", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
#: The other fields of ObjectMeta, in upstream's order.
_METADATA: Final = (
    *("name", "generateName", "namespace", "resourceVersion", "generation"),
    *("labels", "annotations", "ownerReferences", "finalizers", "managedFields"),
)
_AUTHN: Final = "authentication.k8s.io"
_AUTHZ: Final = "authorization.k8s.io"


def build_handlers(
    options: Namespace,
    registry: Registry,
    authenticator: authn.Union,
    authorizer: authz.Union,
) -> dict[tuple[str, str, str], SubresourceHandler]:
    """Build the handlers of all reviews and of serviceaccounts/token."""
    access = AccessReviews(authorizer)
    identity = IdentityReviews(authenticator)
    return {
        (_AUTHZ, "subjectaccessreviews", ""): access.review_subject,
        (_AUTHZ, "localsubjectaccessreviews", ""): access.review_local_subject,
        (_AUTHZ, "selfsubjectaccessreviews", ""): access.review_self,
        (_AUTHZ, "selfsubjectrulesreviews", ""): access.review_own_rules,
        (_AUTHN, "tokenreviews", ""): identity.review_token,
        (_AUTHN, "selfsubjectreviews", ""): identity.review_self,
        ("", "serviceaccounts", "token"): TokenRequestHandler(options, registry, authenticator.signer).handle,
    }


class AccessReviews:
    """Reviews of the authorizer's decisions."""

    def __init__(self, authorizer: authz.Union) -> None:
        self._authorizer = authorizer

    async def review_subject(self, call: Call) -> Reply:
        """SubjectAccessReview: about any user."""
        review = await call.read_object()
        spec = review.get("spec") or {}
        return await self._answer(call, review, _build_user(spec), _check_subject(spec))

    async def review_local_subject(self, call: Call) -> Reply:
        """LocalSubjectAccessReview: about any user in the request's namespace."""
        review = await call.read_object()
        spec = review.get("spec") or {}
        resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        review_metadata = review.setdefault("metadata", {})
        metadata.check_namespace(review_metadata.get("namespace"), call.namespace)
        review_metadata["namespace"] = call.namespace
        later = []
        if resource is not None and resource.get("namespace", "") != call.namespace:
            named = resource.get("namespace", "")
            text = "must match metadata.namespace"
            later.append(field.invalid("spec.resourceAttributes.namespace", named, text))
        if path is not None:
            text = "disallowed on this kind of request"
            later.append(field.invalid("spec.nonResourceAttributes", _format_nonresource(path), text))
        errors = _check_subject(spec)
        if not errors and not later and not call.namespace:
            raise status.bad_request("namespace is required on this type: ")
        return await self._answer(call, review, _build_user(spec), errors, later)

    async def review_self(self, call: Call) -> Reply:
        """SelfSubjectAccessReview: about the user of the request."""
        return await self._answer(call, await call.read_object(), call.context.user, [])

    async def review_own_rules(self, call: Call) -> Reply:
        """SelfSubjectRulesReview: the RBAC rules of the user of the request."""
        review = await call.read_object()
        namespace = (review.get("spec") or {}).get("namespace", "")
        if not namespace:
            raise status.bad_request("no namespace on request")
        rbac = self._authorizer.rbac
        rules = rbac.list_user_rules(call.context.user, namespace) if rbac is not None else []
        if rbac is None and authz.MASTERS in call.context.user.groups:
            rules = [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
        # As upstream, the reply has no spec.
        review["metadata"], review["spec"] = {}, {}
        review["status"] = {
            "resourceRules": [_build_resource_rule(rule) for rule in rules if rule.get("resources")],
            "nonResourceRules": [
                {"verbs": rule.get("verbs", []), "nonResourceURLs": rule["nonResourceURLs"]}
                for rule in rules
                if rule.get("nonResourceURLs")
            ],
            "incomplete": rbac is None,
        }
        return Reply(review, 201)

    async def _answer(
        self,
        call: Call,
        review: JsonObject,
        user: UserInfo,
        errors: list[field.FieldError],
        later: Sequence[field.FieldError] = (),
    ) -> Reply:
        spec = review.get("spec") or {}
        resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if resource is not None and path is not None:
            text = "cannot be specified in combination with resourceAttributes"
            errors = [field.invalid("spec.nonResourceAttributes", _format_nonresource(path), text), *errors]
        if resource is None and path is None:
            text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            errors = [field.invalid("spec.resourceAttributes", None, text), *errors]
        errors = [*errors, *review_selectors.validate(resource)]
        kept = {"managedFields"} | ({"namespace"} if call.resource.namespaced else set())
        review_metadata = _clean_metadata(call, review)
        if any(value for name, value in review_metadata.items() if name not in kept):
            text = "must be empty except for namespace" if "namespace" in kept else "must be empty"
            errors = [*errors, field.invalid("metadata", _add_managed_fields(call, review), text)]
        errors += later
        if errors:
            # As upstream, the error has no kind.
            raise status.invalid(call.resource.group, "", "", errors)
        decision, reason = await authorize(self._authorizer, user, resource, path)
        review["status"] = {"allowed": decision is Decision.ALLOW}
        if decision is Decision.DENY:
            review["status"]["denied"] = True
        if reason:
            review["status"]["reason"] = reason
        if resource is not None and (unread := review_selectors.parse_selectors(resource).errors):
            review["status"]["evaluationError"] = "; ".join(unread)
        return Reply(review, 201)


async def authorize(
    authorizer: Authorizer, user: UserInfo, resource: JsonObject | None, path: JsonObject | None
) -> tuple[Decision, str]:
    """Authorize resourceAttributes or nonResourceAttributes."""
    if resource is not None:
        info = RequestInfo(
            path="",
            verb=resource.get("verb", ""),
            is_resource_request=True,
            api_group=resource.get("group", ""),
            api_version=resource.get("version", ""),
            namespace=resource.get("namespace", ""),
            resource=resource.get("resource", ""),
            subresource=resource.get("subresource", ""),
            name=resource.get("name", ""),
            selected_fields=review_selectors.parse_selectors(resource).fields,
        )
    else:
        assert path is not None
        info = RequestInfo(path=path.get("path", ""), verb=path.get("verb", ""), is_resource_request=False)
    return await authorizer.authorize(user, info)


class IdentityReviews:
    """Reviews of the authenticator's results."""

    def __init__(self, authenticator: authn.Union) -> None:
        self._authenticator = authenticator

    async def review_token(self, call: Call) -> Reply:
        """TokenReview: the user of a token."""
        review = await call.read_object()
        spec = review.get("spec") or {}
        if not spec.get("token"):
            raise status.bad_request("token is required for TokenReview in authentication")
        _clean_metadata(call, review)
        try:
            user, audiences = await self._authenticate(spec["token"], spec.get("audiences"))
        except status.StatusError as error:
            if error.code != 401:
                raise
            told = "invalid bearer token"
            if isinstance(error, RefusedTokenError):
                told = f"[{told}, {error.text}]"
            review["status"] = {"user": {}, "error": told}
        else:
            review["status"] = {"authenticated": True, "user": user.to_document(), "audiences": audiences}
        if not spec.get("audiences"):
            spec.pop("audiences", None)
        return Reply(review, 201)

    async def _authenticate(self, token: str, audiences: list[str] | None) -> tuple[UserInfo, list[str]]:
        """Authenticate a token as in a header: without spaces around it and words behind it."""
        word = find_bearer_token({"Authorization": f"Bearer {token}"})
        if not word and self._authenticator.takes_nameless:
            return ANONYMOUS, audiences or self._authenticator.audiences
        return await self._authenticator.authenticate_token(word, audiences)

    async def review_self(self, call: Call) -> Reply:
        """SelfSubjectReview: `kubectl auth whoami`."""
        review = await call.read_object()
        review["metadata"] = {"creationTimestamp": timestamps.now()}
        review["status"] = {"userInfo": call.context.user.to_document()}
        return Reply(review, 201)


def _clean_metadata(call: Call, review: JsonObject) -> JsonObject:
    """Remove metadata that only the server may set from the review; return the metadata."""
    review_metadata: JsonObject = review.get("metadata") or {}
    review["metadata"] = review_metadata
    for name in _SYSTEM if call.resource.namespaced else (*_SYSTEM, "namespace"):
        review_metadata.pop(name, None)
    return review_metadata


def _add_managed_fields(call: Call, review: JsonObject) -> JsonObject:
    """Add managedFields, in upstream's order of fields."""
    owned = copy.deepcopy(review)
    Ownership(call.resource, Strategy(), object_schema.builtin()).note(call.context, None, owned)
    owned_metadata = owned["metadata"]
    return {name: owned_metadata[name] for name in (*_METADATA, *owned_metadata) if name in owned_metadata}


def _build_user(spec: JsonObject) -> UserInfo:
    return UserInfo(
        name=spec.get("user", ""),
        groups=tuple(spec.get("groups") or ()),
        uid=spec.get("uid", ""),
        extra={key: tuple(values or ()) for key, values in (spec.get("extra") or {}).items()},
    )


def _build_resource_rule(rule: JsonObject) -> JsonObject:
    fields = ("verbs", "apiGroups", "resources", "resourceNames")
    return {name: rule[name] for name in fields if rule.get(name)}


def _format_nonresource(path: JsonObject) -> JsonObject:
    """Format nonResourceAttributes as upstream's errors show them: its internal type has no JSON names."""
    return {"Path": path.get("path", ""), "Verb": path.get("verb", "")}


def _check_subject(spec: JsonObject) -> list[field.FieldError]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [field.invalid("spec.user", "", "at least one of user or group must be specified")]
