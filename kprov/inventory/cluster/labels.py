"""Kubernetes' rules for names, labels and taints, as the API server checks them."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PART_LENGTH = 63
_NAME_LENGTH = 253
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_LETTERS = "begin and end with a letter or digit"


def find_name_problem(name: str) -> str | None:
    """Return why a text cannot be the name of a node (RFC 1123); None if it can."""
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} cannot name a node (RFC 1123): it must have a-z, 0-9, '-' and '.' only, "
            f"and each part must {_LETTERS}"
        )
    if len(name) > _PART_LENGTH:
        # The name is also the value of a label that the kubelet sets.
        return f"{name!r} cannot name a node: it has {len(name)} characters, {_PART_LENGTH} are the most"
    return None


def find_key_problem(key: str) -> str | None:
    """Return why a text cannot be the key of a label or taint; None if it can."""
    domain, slash, name = key.rpartition("/")
    if slash and (not _NAME.fullmatch(domain) or len(domain) > _NAME_LENGTH):
        return f"{key!r} is not a key: {domain!r} before the '/' must be a DNS name (a-z, 0-9, '-' and '.')"
    if not _PART.fullmatch(name) or len(name) > _PART_LENGTH:
        return (
            f"{key!r} is not a key: {name!r} must have 1 to {_PART_LENGTH} letters, digits, '-', '_' or '.', "
            f"and {_LETTERS}"
        )
    return None


def find_value_problem(value: str) -> str | None:
    """Return why a text cannot be the value of a label or taint; None if it can."""
    if value and (not _PART.fullmatch(value) or len(value) > _PART_LENGTH):
        return (
            f"{value!r} is not a value: it must be empty or have up to {_PART_LENGTH} letters, digits, "
            f"'-', '_' or '.', and {_LETTERS}"
        )
    return None


def find_taint_problem(taint: str) -> str | None:
    """Return why a text is not KEY=VALUE:EFFECT (or KEY:EFFECT); None if it is."""
    key_and_value, colon, effect = taint.rpartition(":")
    if not colon or effect not in EFFECTS:
        effects = ", ".join(EFFECTS)
        return (
            f"{taint!r} is not a taint: it must be KEY=VALUE:EFFECT or KEY:EFFECT, with {effects} as EFFECT"
        )
    key, _, value = key_and_value.partition("=")
    return find_key_problem(key) or find_value_problem(value)
