"""The kinds of checks: functions from the facts of a host to a judgement with its evidence."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kprov.verify.cis.facts import HostFacts


@dataclass(frozen=True)
class Judgement:
    """`result`: pass, fail, not applicable or manual. `evidence`: what is there; `reason`: why it is so."""

    result: str
    evidence: str = ""
    reason: str = ""


Check = Callable[[HostFacts], Judgement]
NOT_APPLICABLE, MANUAL, PASS, FAIL = "not applicable", "manual", "pass", "fail"


def judge(evidence: str, *, ok: bool, reason: str = "") -> Judgement:
    """Return pass, or fail with the reason."""
    return Judgement(PASS if ok else FAIL, evidence, "" if ok else reason)


def not_applicable(reason: str) -> Check:
    """Return a check of an item that has no object in this design."""
    return lambda _: Judgement(NOT_APPLICABLE, "", reason)


def manual(reason: str) -> Check:
    """Return a check whose result a person must judge."""
    return lambda _: Judgement(MANUAL, "", reason)


def flag(component: str, name: str, accept: Callable[[str | None], bool], reason: str = "") -> Check:
    """Judge the value of a flag of the running process; None if it is not set."""

    def check(facts: HostFacts) -> Judgement:
        if component not in facts.flags:
            return Judgement(FAIL, f"{component} does not run")
        value = facts.flags[component].get(name)
        evidence = f"--{name} is not set" if value is None else f"--{name}={value}"
        return judge(evidence, ok=accept(value), reason=reason)

    return check


def every(*checks: Check) -> Check:
    """Return a check that passes if all of these do. Its evidence is that of the failed ones, or of all."""

    def check(facts: HostFacts) -> Judgement:
        judgements = [check_part(facts) for check_part in checks]
        failed = [judgement for judgement in judgements if judgement.result == FAIL]
        evidence = ", ".join(judgement.evidence for judgement in failed or judgements)
        return judge(evidence, ok=not failed, reason="; ".join(filter(None, (f.reason for f in failed))))

    return check


def is_set(value: str | None) -> bool:
    return bool(value)


def is_absent(value: str | None) -> bool:
    return value is None


def equals(expected: str) -> Callable[[str | None], bool]:
    return lambda value: value == expected


def has(word: str) -> Callable[[str | None], bool]:
    """Accept a list with this word."""
    return lambda value: word in (value or "").split(",")


def has_not(word: str) -> Callable[[str | None], bool]:
    return lambda value: word not in (value or "").split(",")


def at_least(number: int) -> Callable[[str | None], bool]:
    return lambda value: value is not None and value.isdigit() and int(value) >= number


def within(allowed: Collection[str]) -> Callable[[str | None], bool]:
    """Accept a list that is not empty and has no other words."""
    return lambda value: bool(value) and set(str(value).split(",")) <= set(allowed)


def mode(pattern: str, limit: int, reason: str = "") -> Check:
    """No file that the pattern matches has a permission beyond the limit."""

    def check(facts: HostFacts) -> Judgement:
        matches = _match(facts, pattern)
        wide = [f"{path} {bits}" for path, (bits, _) in matches.items() if int(bits, 8) & ~limit]
        return _judge_files(facts, pattern, matches, wide, f"mode at most {limit:o}", reason)

    return check


def owner(pattern: str, *owners: str, reason: str = "") -> Check:
    """Every file that the pattern matches has one of these owners."""

    def check(facts: HostFacts) -> Judgement:
        matches = _match(facts, pattern)
        others = [f"{path} {who}" for path, (_, who) in matches.items() if who not in owners]
        return _judge_files(facts, pattern, matches, others, " or ".join(owners), reason)

    return check


def document(path: str, keys: str, accept: Callable[[Any], bool], reason: str = "") -> Check:
    """Judge a value in a YAML file, such as `authentication.anonymous.enabled`; None if it is not set."""

    def check(facts: HostFacts) -> Judgement:
        value = facts.documents.get(path)
        if value is None:
            return Judgement(FAIL, f"there is no {path}")
        for key in keys.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        shown = "is not set" if value is None else f"is {value}"
        return judge(f"{path}: {keys} {shown}", ok=accept(value), reason=reason)

    return check


def _match(facts: HostFacts, pattern: str) -> dict[str, tuple[str, str]]:
    place = expand(pattern, facts)
    return {path: entry for path, entry in facts.files.items() if fnmatch.fnmatchcase(path, place)}


def expand(pattern: str, facts: HostFacts) -> str:
    """Return a pattern with the host's folders."""
    return pattern.format(**vars(facts.paths)) if "{" in pattern else pattern


def _judge_files(
    facts: HostFacts,
    pattern: str,
    matches: dict[str, tuple[str, str]],
    wrong: list[str],
    expected: str,
    reason: str,
) -> Judgement:
    if not matches:
        return Judgement(FAIL, f"there is no {expand(pattern, facts)}")
    evidence = ", ".join(sorted(wrong)[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    files = next(iter(matches)) if len(matches) == 1 else f"{len(matches)} files"
    return judge(evidence or f"{files}: {expected}", ok=not wrong, reason=reason)
