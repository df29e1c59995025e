"""Whether rules cover other rules, for the check of escalation.

A rule grants every combination of its groups, resources, verbs and names. Upstream expands the combinations,
so that a rule of a few hundred bytes costs seconds. Here each element of a list has a bit mask of the rules
that cover it. A combination is covered if the masks of its elements have a bit in common, and elements with
the same mask count once.

Source: component-helpers/auth/rbac/validation/policy_comparator.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from kprov.kube.machinery.json_object import JsonObject

#: Limit of compared masks: about 20 ms. Rules that stand in files need less than a thousand.
_MAX_STEPS: Final = 50_000
_RESOURCE_FIELDS: Final = ("apiGroups", "resources", "verbs", "resourceNames")
_URL_FIELDS: Final = ("nonResourceURLs", "verbs")


class TooManyRulesError(Exception):
    """The comparison needs more steps than one request may take."""


class Uncovered(NamedTuple):
    """What a set of rules does not cover."""

    #: Rules of one verb on one resource, name or path, in the order of the wanted rules.
    parts: list[JsonObject]
    #: Whether there are more.
    has_more: bool


def find_uncovered(
    have: Sequence[JsonObject], wanted: Sequence[JsonObject], max_parts: int, max_characters: int
) -> Uncovered:
    """Return the parts of the wanted rules that `have` does not cover, up to limits.

    Raises TooManyRulesError.
    """
    owned = _OwnedRules(have)
    parts: list[JsonObject] = []
    characters = 0
    for comparison in (comparison for rule in wanted for comparison in owned.compare(rule)):
        for part in comparison.list_parts():
            if len(parts) >= max_parts or characters >= max_characters:
                return Uncovered(parts, has_more=True)
            parts.append(part)
            characters += sum(len(values[0]) for values in part.values())
        if comparison.was_cut:
            return Uncovered(parts, has_more=True)
    return Uncovered(parts, has_more=False)


class _OwnedRules:
    """The rules of a user, as masks by element."""

    def __init__(self, rules: Sequence[JsonObject]) -> None:
        self._steps = _Steps()
        self._masks: dict[str, dict[str, int]] = {
            name: {} for name in ("apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs")
        }
        self._nameless = 0
        #: Paths with a star at the end, without it.
        self._prefixes: dict[str, int] = {}
        for number, rule in enumerate(rules):
            bit = 1 << number
            for name, masks in self._masks.items():
                for value in rule.get(name) or ():
                    masks[value] = masks.get(value, 0) | bit
            if not rule.get("resourceNames"):
                self._nameless |= bit
        for path, mask in self._masks["nonResourceURLs"].items():
            if path.endswith("*"):
                prefix = path.rstrip("*")
                self._prefixes[prefix] = self._prefixes.get(prefix, 0) | mask
        self._prefix_lengths = sorted({len(prefix) for prefix in self._prefixes})

    def compare(self, rule: JsonObject) -> Iterator[_Comparison]:
        """Yield the comparisons for the resources and for the paths of a rule."""
        names = rule.get("resourceNames") or ()
        if rule.get("apiGroups") and rule.get("resources") and rule.get("verbs"):
            yield _Comparison(
                _RESOURCE_FIELDS if names else _RESOURCE_FIELDS[:3],
                [
                    _collect(rule["apiGroups"], self._with_star("apiGroups")),
                    _collect(rule["resources"], self._cover_resource),
                    _collect(rule["verbs"], self._with_star("verbs")),
                    *([_collect(names, self._cover_name)] if names else ()),
                ],
                -1 if names else self._nameless,
                self._steps,
            )
        if rule.get("nonResourceURLs") and rule.get("verbs"):
            yield _Comparison(
                _URL_FIELDS,
                [
                    _collect(rule["nonResourceURLs"], self._cover_path),
                    _collect(rule["verbs"], self._with_star("verbs")),
                ],
                self._nameless,
                self._steps,
            )

    def _with_star(self, name: str) -> Callable[[str], int]:
        masks = self._masks[name]
        star = masks.get("*", 0)
        return lambda value: masks.get(value, 0) | star

    def _cover_resource(self, resource: str) -> int:
        masks = self._masks["resources"]
        mask = masks.get("*", 0) | masks.get(resource, 0)
        _, slash, subresource = resource.partition("/")
        return mask | masks.get(f"*/{subresource}", 0) if slash else mask

    def _cover_name(self, name: str) -> int:
        return self._nameless | self._masks["resourceNames"].get(name, 0)

    def _cover_path(self, path: str) -> int:
        mask = self._masks["nonResourceURLs"].get(path, 0)
        self._steps.take(len(self._prefix_lengths))
        for length in self._prefix_lengths:
            if length > len(path):
                break
            mask |= self._prefixes.get(path[:length], 0)
        return mask


#: The elements of one list of a rule, each with its mask.
_Elements = list[tuple[str, int]]


def _collect(values: Iterable[str], cover: Callable[[str], int]) -> _Elements:
    return [(value, cover(value)) for value in values]


class _Steps:
    """Counts compared masks."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = 0

    def take(self, count: int) -> None:
        self._taken += count
        if self._taken > _MAX_STEPS:
            raise TooManyRulesError


class _Comparison:
    """One rule's combinations against the rules of the user."""

    def __init__(self, fields: Sequence[str], lists: list[_Elements], start: int, steps: _Steps) -> None:
        """start: the mask of the rules that may cover the combinations at all."""
        self._fields = fields
        self._lists = lists
        self._start = start
        self._steps = steps
        #: By level: the rules that cover all elements of this list and those after it.
        self._always = [-1]
        for elements in reversed(lists):
            always = self._always[0]
            for _, mask in elements:
                always &= mask
            self._always.insert(0, always)
        #: The distinct masks of the lists that had to be compared.
        self._masks: dict[int, frozenset[int]] = {}
        self._known: dict[tuple[int, int], bool] = {}
        #: The elements that `list_parts` has looked at.
        self._visited = 0
        #: Whether `list_parts` has left out combinations.
        self.was_cut = False

    def list_parts(self) -> Iterator[JsonObject]:
        """Return the combinations that are not covered, in their order: the first, perhaps not all others."""
        if self._is_covered(0, self._start):
            return
        for part in self._list_from(0, self._start, ()):
            yield part
            if self._visited > _MAX_STEPS:
                self.was_cut = True
                return

    def _is_covered(self, level: int, mask: int) -> bool:
        """Whether rules of the mask cover all combinations from this list on."""
        if not mask:
            return False
        if mask & self._always[level]:
            return True
        key = (level, mask)
        if key not in self._known:
            masks = self._masks.get(level)
            if masks is None:
                masks = self._masks[level] = frozenset(mask for _, mask in self._lists[level])
            else:
                self._steps.take(len(masks))
            self._known[key] = all(self._is_covered(level + 1, mask & covering) for covering in masks)
        return self._known[key]

    def _list_from(self, level: int, mask: int, chosen: tuple[str, ...]) -> Iterator[JsonObject]:
        if level == len(self._lists):
            yield {field: [value] for field, value in zip(self._fields, chosen, strict=True)}
            return
        for value, covering in self._lists[level]:
            self._visited += 1
            if not self._is_covered(level + 1, mask & covering):
                yield from self._list_from(level + 1, mask & covering, (*chosen, value))
