"""`kprov secrets rotate-key`: encrypt the secrets in etcd with a new key.

The order is upstream's (kubernetes.io/docs/tasks/administer-cluster/encrypt-data): all API servers can
decrypt with the new key before one encrypts with it, and the old key is dropped when no value needs it.
Arguments: rewrite_only (`kprov secrets rewrite`: keep the key, and encrypt with it what is not yet).
"""

from __future__ import annotations

from pathlib import Path

from kprov.errors import InputError
from kprov.operations.keys.distribution import connect_all_hosts, distribute
from kprov.operations.keys.progress import RotationProgress, remember_replaced
from kprov.operations.keys.stored_secrets import count_by_key, rewrite_values
from kprov.operations.phases import OperationContext, Phase
from kprov.pki import encryption_keys
from kprov.pki.encryption_keys import EncryptionKeys

_TAGS = ("kube_apiserver",)
#: The stages in the file of the keys, in their order.
_STAGES = ("add", "use", "drop")
_RESTART = "restart API servers one by one"


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the phases: add the new key, use it, write all values again, drop the old key."""
    connect_all_hosts(context)
    pki = context.cluster.artifacts / "pki"
    keys = _load(pki)
    rewrite = make_rewrite_phase(context)
    if context.arguments.get("rewrite_only"):
        return [rewrite]
    remember_replaced(context.memory, lambda: keys.names[-1] if keys.stage == "use" else keys.names[0])
    return [
        _make_phase(context, "add", "Let all API servers decrypt with a new key"),
        _make_phase(context, "use", "Encrypt with the new key"),
        rewrite,
        _make_phase(context, "drop", "Drop the old key"),
    ]


def make_rewrite_phase(context: OperationContext) -> Phase:
    """Return the phase that encrypts all values with the first key."""
    pki = context.cluster.artifacts / "pki"

    def plan() -> list[str]:
        keys = _load(pki)
        if keys.stage in ("", "drop") and not context.arguments.get("rewrite_only"):
            # A plan, or a rotation that has passed this phase.
            return [] if _is_over(context, keys) else ["write all values again"]
        counts = count_by_key(context.cluster)
        return describe_rewrite(counts.total() - counts[keys.names[0]], counts.total(), keys.names[0])

    def run() -> None:
        rewrite_values(context, _load(pki).names[0])

    return Phase("Encrypt all values with the present key", plan, run)


def describe_rewrite(left: int, total: int, key: str) -> list[str]:
    """Return which values still need to be encrypted with the key; empty if none does."""
    if not left:
        return []
    values = f"{left} value{'' if left == 1 else 's'}"
    rest = total - left
    return [f"encrypt {values} with {key}" + (f"; it has encrypted {rest} already" if rest else "")]


def _make_phase(context: OperationContext, stage: str, title: str) -> Phase:
    pki = context.cluster.artifacts / "pki"

    def plan() -> list[str]:
        keys = _load(pki)
        if _is_over(context, keys) or _is_past(stage, keys):
            return []
        old = RotationProgress.read(context.memory).replaces
        return {
            "add": ["make a new key", f"let API servers decrypt with it; {_RESTART}"],
            "use": [f"let API servers encrypt with it; {_RESTART}"],
            "drop": [f"remove {old} from the control plane and from artifacts/pki; {_RESTART}"],
        }[stage]

    def run() -> None:
        keys = _load(pki)
        if keys.stage != stage:
            keys = _advance(keys, stage)
            encryption_keys.save_keys(pki, keys)
        distribute(context, _TAGS)
        if stage == "drop":
            encryption_keys.save_keys(pki, EncryptionKeys(keys.keys))

    return Phase(title, plan, run)


def _advance(keys: EncryptionKeys, stage: str) -> EncryptionKeys:
    if stage == "add":
        return EncryptionKeys(keys.with_new_key().keys, "add")
    if stage == "use":
        return EncryptionKeys((keys.keys[-1], *keys.keys[:-1]), "use")
    return EncryptionKeys(keys.keys[:1], "drop")


def _is_past(stage: str, keys: EncryptionKeys) -> bool:
    return keys.stage in _STAGES and _STAGES.index(stage) < _STAGES.index(keys.stage)


def _is_over(context: OperationContext, keys: EncryptionKeys) -> bool:
    """Whether the rotation has ended: the key that it replaces is gone."""
    return keys.stage == "" and RotationProgress.read(context.memory).replaces not in keys.names


def _load(pki: Path) -> EncryptionKeys:
    keys = encryption_keys.load_keys(pki)
    if keys is None:
        text = "is missing: secrets are not encrypted. Set kube_encrypt_secret_data and run `kprov up`"
        raise InputError(text, file=pki / encryption_keys.NAME)
    return keys
