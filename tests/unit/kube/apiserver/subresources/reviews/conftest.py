"""A way to send one object to the handlers that subresources.reviews has."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kprov.kube.apiserver import admission, authn, authz, subresources
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery.resources import list_resources

ISSUER = "https://kubernetes.default.svc"
Put = Callable[..., Awaitable[dict[str, Any]]]


class Asker:
    """ask(plural, obj, ...) gives the answered object. authenticator: the one that the handlers have."""

    def __init__(self, registry: Registry, options: Namespace) -> None:
        self._registry = registry
        self.authenticator = authn.build(options, registry)
        authorizer = authz.build(options, registry)
        self._handlers = subresources.build(options, registry, self.authenticator, authorizer)
        self._chain = admission.build(options, registry, authorizer)

    async def __call__(
        self,
        plural: str,
        obj: dict[str, Any],
        *,
        user: str = "alice",
        groups: tuple[str, ...] = ("system:authenticated",),
        namespace: str = "",
        name: str = "",
        subresource: str = "",
    ) -> dict[str, Any]:
        resource = next(each for each in list_resources() if each.plural == plural)
        info = RequestInfo(
            path="", verb="create", is_resource_request=True, api_group=resource.group,
            namespace=namespace, resource=plural, subresource=subresource, name=name,
        )  # fmt: skip

        async def read_object() -> dict[str, Any]:
            return obj

        call = Call(
            request=cast("Any", None),
            context=RequestContext(user=UserInfo(user, groups), info=info),
            registry=self._registry,
            admission=self._chain,
            resource=resource,
            subresource=resource.subresource(subresource) if subresource else None,
            query={},
            read_object=read_object,
            read_change=cast("Any", None),
        )
        reply = await self._handlers[resource.group, plural, subresource](call)
        assert isinstance(reply, Reply)
        assert reply.status == 201
        return reply.obj


@pytest.fixture
def extends_tokens() -> bool:
    """--service-account-extend-token-expiration."""
    return True


@pytest.fixture
def ask(registry: Registry, tmp_path: Path, *, extends_tokens: bool) -> Asker:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "sa.key"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("secret,bob,u2\n")
    options = Namespace(
        authorization_mode=["Node", "RBAC"],
        allow_privileged=True,
        anonymous_auth=True,
        enable_admission_plugins=["NodeRestriction"],
        disable_admission_plugins=[],
        client_ca_file="",
        requestheader_client_ca_file="",
        authentication_config="",
        oidc_given=False,
        service_account_issuer=[ISSUER],
        service_account_key_file=[],
        service_account_signing_key_file=str(file),
        api_audiences=[],
        service_account_extend_token_expiration=extends_tokens,
        token_auth_file=str(tokens),
        enable_bootstrap_token_auth=False,
        kubelet_client_certificate="",
        kubelet_client_key="",
        kubelet_certificate_authority="",
        kubelet_preferred_address_types=["InternalIP"],
    )
    return Asker(registry, options)


@pytest.fixture
async def account(put: Put) -> dict[str, Any]:
    await put("", "namespaces", {"metadata": {"name": "default"}})
    return await put("", "serviceaccounts", {"metadata": {"name": "web", "namespace": "default"}})
