"""EncryptionConfiguration: the encryption providers of resources.

Source of the rules: apiserver/pkg/apis/apiserver/validation/validation_encryption.go and
server/options/encryptionconfig.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Final

from kprov.kube.apiserver import configuration
from kprov.kube.apiserver.storage.encryption.transformers import (
    PLAIN,
    AesCbc,
    AesGcm,
    Cipher,
    Provider,
    Secretbox,
    Transformer,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

#: (resource, group); "*" is a wildcard.
GroupResource = tuple[str, str]

FLAG: Final = "encryption-provider-config"
_KEYS: Final = {"keys": [{"name": str, "secret": str}]}
_PROVIDERS: Final = {
    "aesgcm": _KEYS,
    "aescbc": _KEYS,
    "secretbox": _KEYS,
    "identity": {},
    "kms": dict,
}
FILE: Final = configuration.ConfigFile(
    flag=FLAG,
    kind="EncryptionConfiguration",
    versions=("apiserver.config.k8s.io/v1",),
    shape={"resources": [{"resources": [str], "providers": [_PROVIDERS]}]},
)
_AES_SIZES: Final = (16, 24, 32)
#: Prefix in etcd, key sizes, cipher.
_CIPHERS: Final[dict[str, tuple[bytes, tuple[int, ...], Callable[[bytes], Cipher]]]] = {
    "aesgcm": (b"k8s:enc:aesgcm:v1:", _AES_SIZES, AesGcm),
    "aescbc": (b"k8s:enc:aescbc:v1:", _AES_SIZES, AesCbc),
    "secretbox": (b"k8s:enc:secretbox:v1:", (32,), Secretbox),
}
_ANY: Final = ("*", "*")
_NOT_SERVED: Final = {"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"}


class Transformers:
    """Finds the transformer of a resource by the most specific rule."""

    def __init__(self, rules: dict[GroupResource, Transformer]) -> None:
        self._rules = rules

    def find_transformer(self, group: str, plural: str) -> Transformer:
        """Return the transformer of the resource, else of its group, else of all; PLAIN without a rule."""
        rules = self._rules
        return rules.get((plural, group)) or rules.get(("*", group)) or rules.get(_ANY) or PLAIN


def load(path: str) -> Transformers:
    """Load a file. Raise ConfigError with the paths of all invalid fields."""
    return build(configuration.load(FILE, path), path)


def build(document: JsonObject, path: str) -> Transformers:
    """Build from a document with FILE's shape. Raise ConfigError."""
    entries = document.get("resources") or []
    configuration.raise_errors(FILE, path, validate(entries))
    if any("secretbox" in provider for entry in entries for provider in entry["providers"]) and not find_spec(
        "nacl"
    ):
        raise configuration.ConfigError(f"--{FLAG}: {path}: secretbox needs the library PyNaCl")
    rules: dict[GroupResource, list[Provider]] = {}
    for entry in entries:
        providers = [_build_provider(provider) for provider in entry["providers"]]
        # Earlier entries have precedence. An entry does not mask its own wildcards.
        added: dict[GroupResource, list[Provider]] = {}
        for text in entry["resources"]:
            named = parse_name(text)
            for mask in (("*", named[1]), _ANY):
                if mask in rules:
                    error = field.invalid(
                        "resources",
                        text,
                        f'resource "{format_name(named)}" is masked by earlier rule "{format_name(mask)}"',
                    )
                    configuration.raise_errors(FILE, path, [error])
            added[named] = providers
        for named, listed in added.items():
            rules.setdefault(named, []).extend(listed)
    return Transformers({named: Transformer(providers) for named, providers in rules.items()})


def parse_name(text: str) -> GroupResource:
    """Split RESOURCE.GROUP at the first dot."""
    resource, _, group = text.partition(".")
    return resource, group


def format_name(named: GroupResource) -> str:
    """Format as in the file."""
    resource, group = named
    return f"{resource}.{group}" if group or resource == "*" else resource


def validate(entries: Sequence[JsonObject]) -> Iterable[FieldError]:
    """Yield the errors of all fields except masked resources, which `build` checks."""
    if not entries:
        yield field.required("resources", "at least one resources is required")
    for index, entry in enumerate(entries):
        names, providers = entry.get("resources") or [], entry.get("providers") or []
        at = f"resources[{index}].resources"
        if not names:
            yield field.required(at, f"at least one {at} is required")
        yield from _check_overlaps(names, at)
        for place, name in enumerate(names):
            text = _find_name_problem(name)
            if text:
                yield field.invalid(f"{at}[{place}]", name, text)
        at = f"resources[{index}].providers"
        if not providers:
            yield field.required(at, f"at least one {at} is required")
        for place, provider in enumerate(providers):
            yield from _check_provider(provider or {}, f"{at}[{place}]")


def _check_overlaps(names: Sequence[str], at: str) -> Iterable[FieldError]:
    parsed = [parse_name(name) for name in names]
    if len(set(parsed)) < len(parsed):
        yield field.invalid(at, list(names), "the same resource cannot be specified multiple times")
    different = set(parsed)
    groups_of_all = {group for resource, group in different if resource == "*"}
    if len(different) > 1 and (
        _ANY in different or any(group in groups_of_all for resource, group in different if resource != "*")
    ):
        text = (
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not "
            "allowed as they will be masked"
        )
        yield field.invalid(at, list(names), text)


def _find_name_problem(name: str) -> str:
    resource, group = parse_name(name)
    if name.lower() != name:
        return "resource name should not contain capital letters"
    if name == "*":
        return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    if name in _NOT_SERVED:
        return "resources which do not have REST API/s cannot be encrypted"
    if group == "events.k8s.io":
        return (
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead "
            "in the config file"
        )
    if group == "extensions":
        return "'extensions' group has been removed and cannot be used for encryption"
    if group == "*" and resource != "*":
        return "encrypting the same resource across groups is not supported"
    return ""


def _check_provider(provider: JsonObject, at: str) -> Iterable[FieldError]:
    # `identity:` without a value is null in YAML, which upstream also rejects.
    provider_names = [name for name in _PROVIDERS if provider.get(name) is not None]
    if not provider_names:
        text = "provider does not contain any of the expected providers: AESGCM, AESCBC, Secretbox, Identity"
        yield field.invalid(at, provider, text)
    elif len(provider_names) > 1:
        text = (
            "more than one provider specified in a single element, should split into different list elements"
        )
        yield field.invalid(at, "REDACTED", text)
    elif provider_names[0] == "kms":
        text = "kms providers are not supported by this server; use secretbox, aesgcm or aescbc"
        yield field.forbidden(f"{at}.kms", text)
    elif provider_names[0] != "identity":
        name = provider_names[0]
        yield from _check_keys(provider[name].get("keys") or [], f"{at}.{name}.keys", _CIPHERS[name][1])


def _check_keys(keys: Sequence[JsonObject], at: str, sizes: tuple[int, ...]) -> Iterable[FieldError]:
    if not keys:
        yield field.required(at, "at least one keys is required")
    for index, key in enumerate(keys):
        place = f"{at}[{index}]"
        if not key.get("name"):
            yield field.required(f"{place}.name", "name is a mandatory field for a key")
        if not key.get("secret"):
            yield field.required(f"{place}.secret", "secret is a mandatory field for a key")
            continue
        secret = _decode(key["secret"])
        if secret is None:
            yield field.invalid(f"{place}.secret", "REDACTED", "secrets must be base64 encoded")
        elif len(secret) not in sizes:
            expected = " ".join(map(str, sizes))
            text = f"secret is not of the expected length, got {len(secret)}, expected one of [{expected}]"
            yield field.invalid(f"{place}.secret", "REDACTED", text)


def _decode(text: str) -> bytes | None:
    try:
        return b64decode(text.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None


def _build_provider(document: JsonObject) -> Provider:
    name = next(name for name in _PROVIDERS if document.get(name) is not None)
    if name == "identity":
        return Provider()
    prefix, _, cipher = _CIPHERS[name]
    keys = [(f"{key['name']}:".encode(), cipher(b64decode(key["secret"]))) for key in document[name]["keys"]]
    return Provider(prefix, keys)
