"""`kprov secrets rotate-service-account-key`: sign service account tokens with a new key.

Tokens of the old key stay valid until they expire. Arguments: drop_old (accept no tokens of earlier keys).
"""

from __future__ import annotations

from pathlib import Path

from kprov.operations.keys.distribution import (
    connect_all_hosts,
    distribute,
    list_pending_changes,
    make_request,
)
from kprov.operations.keys.progress import RotationProgress, remember_replaced
from kprov.operations.phases import OperationContext, Phase
from kprov.pki import service_account_keys
from kprov.pki.ensure import ensure_pki

_TAGS = ("kube_apiserver",)


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the phases: accept the new key, sign with it; or only drop the earlier ones."""
    connect_all_hosts(context)
    pki = context.cluster.artifacts / "pki"
    remember_replaced(context.memory, lambda: service_account_keys.identify_signing_key(pki))
    if context.arguments.get("drop_old"):
        return [_make_drop_phase(context, pki)]
    return [_make_accept_phase(context, pki), _make_sign_phase(context, pki)]


def _make_accept_phase(context: OperationContext, pki: Path) -> Phase:
    def plan() -> list[str]:
        if _signs_with_new_key(context, pki):
            return []
        return [
            "make a new key pair",
            "copy its public key to the control plane; restart API servers one by one",
        ]

    def run() -> None:
        service_account_keys.add_next_key(pki)
        _distribute(context)

    return Phase("Accept tokens of a new key", plan, run)


def _make_sign_phase(context: OperationContext, pki: Path) -> Phase:
    def plan() -> list[str]:
        if _signs_with_new_key(context, pki):
            return list_pending_changes(context, context.cluster.members("kube_control_plane"))
        return [
            "copy the new key to the control plane; restart API servers and controller managers one by one"
        ]

    def run() -> None:
        if not _signs_with_new_key(context, pki):
            service_account_keys.use_next_key(pki)
        _distribute(context)

    return Phase("Sign tokens with the new key", plan, run)


def _make_drop_phase(context: OperationContext, pki: Path) -> Phase:
    def plan() -> list[str]:
        count = service_account_keys.count_old_keys(pki)
        if count:
            return [f"accept no tokens of {count} earlier keys; restart API servers one by one"]
        return list_pending_changes(context, context.cluster.members("kube_control_plane"))

    def run() -> None:
        service_account_keys.drop_old_keys(pki)
        _distribute(context)

    return Phase("Drop earlier keys", plan, run)


def _signs_with_new_key(context: OperationContext, pki: Path) -> bool:
    return service_account_keys.identify_signing_key(pki) != RotationProgress.read(context.memory).replaces


def _distribute(context: OperationContext) -> None:
    ensure_pki(make_request(context.cluster))
    distribute(context, _TAGS)
