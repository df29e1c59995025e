"""Levels, versions, and the policy in the labels of a namespace.

Source: upstream staging/src/k8s.io/pod-security-admission/api/{helpers,constants}.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.integers import parse_clamped

PREFIX: Final = "pod-security.kubernetes.io/"
PRIVILEGED, BASELINE, RESTRICTED = "privileged", "baseline", "restricted"
#: From the least to the most restrictive.
LEVELS: Final = (PRIVILEGED, BASELINE, RESTRICTED)
MODES: Final = ("enforce", "audit", "warn")
#: The minor version that stands for "latest".
LATEST: Final = 1_000_000
_VERSION: Final = re.compile(r"v1\.([0-9]|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class LevelVersion:
    """A level in one version."""

    level: str = PRIVILEGED
    minor: int = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor == LATEST else f'v1.{self.minor}'}"

    def is_equivalent(self, other: LevelVersion) -> bool:
        return self == other or self.level == other.level == PRIVILEGED


@dataclass(frozen=True, slots=True)
class Policy:
    """The levels at which pods are rejected, audited and warned of."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()

    @property
    def is_privileged(self) -> bool:
        return self.enforce.level == self.audit.level == self.warn.level == PRIVILEGED

    def is_equivalent(self, other: Policy) -> bool:
        return all(getattr(self, mode).is_equivalent(getattr(other, mode)) for mode in MODES)


def parse_version(text: str) -> int:
    """Return the minor version. Raise ValueError."""
    if text == "latest":
        return LATEST
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError('must be "latest" or "v1.x"')
    return parse_clamped(match.group(1))


def parse_level(text: str) -> str:
    """Return the level. Raise ValueError."""
    if text not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text


def parse_labels(labels: Mapping[str, str], defaults: Policy) -> tuple[Policy, list[FieldError]]:
    """Return the policy of a namespace. Invalid labels enforce restricted, and audit and warn of nothing."""
    if not any(name.startswith(PREFIX) for name in labels):
        return defaults, []
    errors: list[FieldError] = []
    modes = {mode: _parse_mode(mode, labels, getattr(defaults, mode), errors) for mode in MODES}
    enforce, warn = modes["enforce"], modes["warn"]
    is_level_given = labels.get(f"{PREFIX}enforce") in LEVELS
    if (
        f"{PREFIX}warn" not in labels
        and is_level_given
        and LEVELS.index(enforce.level) > LEVELS.index(warn.level)
    ):
        # Without a warn label, workloads are warned of the enforced level.
        modes["warn"] = replace(warn, level=enforce.level) if f"{PREFIX}warn-version" in labels else enforce
    return Policy(**modes), errors


def _parse_mode(
    mode: str, labels: Mapping[str, str], default: LevelVersion, errors: list[FieldError]
) -> LevelVersion:
    level, minor = default.level, default.minor
    if (text := labels.get(PREFIX + mode)) is not None:
        try:
            level = parse_level(text)
        except ValueError as error:
            level = RESTRICTED if mode == "enforce" else PRIVILEGED
            errors.append(field.invalid(f"metadata.labels[{PREFIX}{mode}]", text, str(error)))
    if (text := labels.get(f"{PREFIX}{mode}-version")) is not None:
        try:
            minor = parse_version(text)
        except ValueError as error:
            minor = LATEST
            errors.append(field.invalid(f"metadata.labels[{PREFIX}{mode}-version]", text, str(error)))
    return LevelVersion(level, minor)
