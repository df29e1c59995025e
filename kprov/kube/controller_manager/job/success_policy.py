"""spec.successPolicy: when an indexed job has succeeded before all its indexes (success_policy.go)."""

from kprov.kube.controller_manager.job.indexes import IndexRanges
from kprov.kube.machinery.json_object import JsonObject


def match_success_policy(policy: JsonObject | None, completions: int, succeeded: IndexRanges) -> str:
    """Return the message of the condition if a rule is met, else ""."""
    if not len(succeeded):
        return ""
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        if _is_met(rule, completions, succeeded):
            return f"Matched rules at index {index}"
    return ""


def _is_met(rule: JsonObject, completions: int, succeeded: IndexRanges) -> bool:
    count = rule.get("succeededCount")
    if rule.get("succeededIndexes") is None:
        return count is not None and len(succeeded) >= count
    required = IndexRanges.parse(rule["succeededIndexes"], completions)
    common = required.count_common(succeeded)
    return len(required) > 0 and (common == len(required) or (count is not None and common >= count))
