"""Strategic merge patch over the types of schema/nodes.py.

Source of the behaviour: staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kprov.kube.machinery.go_text.go_json import format_value
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
_DELETE_FROM_LIST = "$deleteFromPrimitiveList/"
SET_ORDER = "$setElementOrder/"
_GO_TYPES = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    dict: "map[string]interface {}",
}
#: Up to so many elements, Go's sort.Stable is an insertion sort.
_FEW = 20


#: Limit of elements that are merged again: about 30 ms.
_MAX_REPEATED_ELEMENTS = 20_000


class StrategicMergeError(ValueError):
    """A patch with invalid directives or lists. The message is upstream's."""


class Budget:
    """Limits the repeated merges of one patch.

    A patch may name an element of a list several times. Each time merges the whole lists below it, which
    would take minutes for a patch of a megabyte.
    """

    __slots__ = ("_elements", "repeats")

    def __init__(self) -> None:
        self._elements = 0
        #: How many of the elements around the present one were merged before.
        self.repeats = 0

    def charge(self, elements: int) -> None:
        """Count the elements of a list to merge. Raises StrategicMergeError."""
        if self.repeats:
            self._elements += elements
            if self._elements > _MAX_REPEATED_ELEMENTS:
                raise StrategicMergeError("the patch merges the same lists too often")


def merge(original: JsonObject, patch: JsonObject, node: Node, budget: Budget) -> JsonObject:
    """Merge `patch` into `original`, which is changed. `patch` is not. Raises StrategicMergeError."""
    if PATCH in patch:
        return _replace_or_delete(patch)
    _retain_keys(original, patch)
    ordered = _merge_ordered_lists(original, patch, node, budget)
    for name, value in patch.items():
        if name in ordered or name == RETAIN_KEYS or name.startswith(SET_ORDER):
            continue
        if name.startswith(_DELETE_FROM_LIST):
            _delete_from_list(original, name.removeprefix(_DELETE_FROM_LIST), value, budget)
        else:
            _merge_field(original, name, value, child_node(node, name), budget)
    return original


def child_node(node: Node, name: str) -> Node:
    """Return the type of a field."""
    if node.kind is Kind.STRUCT:
        return node.fields.get(name, ANY_NODE)
    if node.kind is Kind.MAP and node.item is not None:
        return node.item
    return ANY_NODE


def _replace_or_delete(patch: JsonObject) -> JsonObject:
    kind = patch[PATCH]
    if kind == "replace":
        return {name: value for name, value in patch.items() if name != PATCH}
    if kind == "delete":
        return {}
    raise StrategicMergeError(f"unknown patch type: {format_value(kind)} in map: {format_value(patch)}")


def _merge_field(original: JsonObject, name: str, value: Any, node: Node, budget: Budget) -> None:
    if value is None:
        original.pop(name, None)
        return
    held = original.get(name)
    if isinstance(held, dict) and isinstance(value, dict):
        original[name] = value if "replace" in node.strategies else merge(held, value, node, budget)
    elif isinstance(held, list) and isinstance(value, list):
        original[name] = _merge_or_replace_list(held, value, node, budget)
    else:
        plain = strip_directives(value)
        if plain is None:
            original.pop(name, None)
        else:
            original[name] = plain


def _is_directive(name: str) -> bool:
    """Whether a key is a directive. Other keys may start with a dollar too ($ref in schemas)."""
    return name in {PATCH, RETAIN_KEYS} or name.startswith((_DELETE_FROM_LIST, SET_ORDER))


def strip_directives(value: Any) -> Any:
    """Return a patch value as a new part of a document: without nulls, None for one with $patch.

    Upstream does not read other directives there: they become unknown fields.
    """
    if isinstance(value, dict):
        if PATCH in value:
            return None
        return {
            name: plain
            for name, held in value.items()
            if held is not None and (plain := strip_directives(held)) is not None
        }
    if isinstance(value, list):
        return [plain for held in value if (plain := strip_directives(held)) is not None]
    return value


def _retain_keys(original: JsonObject, patch: JsonObject) -> None:
    keys = patch.get(RETAIN_KEYS)
    if keys is None:
        return
    sent = [name for name, value in patch.items() if value is not None and not _is_directive(name)]
    retained = {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else None
    if retained is None or not retained.issuperset(sent):
        raise StrategicMergeError("invalid patch format of retainKeys")
    for name in [name for name in original if name not in retained]:
        del original[name]


def _delete_from_list(original: JsonObject, name: str, values: Any, budget: Budget) -> None:
    """Delete values from a list. Ignored if either is not a list."""
    held = original.get(name)
    if values is None:
        original.pop(name, None)
    elif isinstance(held, list) and isinstance(values, list):
        budget.charge(len(held))
        if len({type(value) for value in (*held, *values)}) > 1:
            raise StrategicMergeError(f"list element types are not identical: {format_value([held, values])}")
        gone = {_hashable(value) for value in values}
        original[name] = [value for value in held if _hashable(value) not in gone]


def _merge_ordered_lists(original: JsonObject, patch: JsonObject, node: Node, budget: Budget) -> set[str]:
    """Merge the lists that have a $setElementOrder directive. Return their names."""
    done: set[str] = set()
    for directive, order in patch.items():
        if not directive.startswith(SET_ORDER):
            continue
        name = directive.removeprefix(SET_ORDER)
        held, sent = original.get(name), patch.get(name)
        _require_list(order)
        for value, holder in ((held, original), (sent, patch)):
            if name in holder:
                _require_list(value)
        if node.kind is Kind.STRUCT and name not in node.fields:
            raise StrategicMergeError(
                f'unable to find api field in struct {node.name} for the json field "{name}"'
            )
        budget.charge(len(order) + len(held or ()))
        child = child_node(node, name)
        _check_order(sent or [], order, child)
        if sent is not None:
            merged = (
                strip_directives(sent) if held is None else _merge_or_replace_list(held, sent, child, budget)
            )
        elif held is not None:
            merged = list(held)
        else:
            continue
        original[name] = _sort_merged(
            merged, order, held or [], _choose_identity(child, [*merged, *order, *(held or [])])
        )
        done.add(name)
    return done


def _require_list(value: Any) -> None:
    if not isinstance(value, list):
        go_type = "%!s(<nil>)" if value is None else _GO_TYPES[type(value)]
        raise StrategicMergeError(f"expected a []interface {{}}, but received a {go_type}")


def _check_order(sent: list[Any], order: list[Any], node: Node) -> None:
    if not order:
        return
    identity = _choose_identity(node, [*sent, *order])
    ranks = [identity(value) for value in order]
    position = 0
    for value in sent:
        if isinstance(value, dict) and PATCH in value:
            continue
        key = identity(value)
        while position < len(ranks) and ranks[position] != key:
            position += 1
        if position == len(ranks):
            raise StrategicMergeError(
                f"The order in patch list:\n{format_value(sent)}\n "
                f"doesn't match {SET_ORDER[:-1]} list:\n{format_value(order)}\n"
            )


def _choose_identity(node: Node, values: list[Any]) -> Callable[[Any], Any]:
    """Return the function that identifies elements: by the merge key, or by the value itself."""
    if not any(isinstance(value, dict) for value in values):
        return _hashable
    key = node.merge_key
    if not key:
        raise StrategicMergeError(f"cannot merge lists without merge key for {node.name or 'list'}")

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            raise StrategicMergeError("list element types are not identical")
        if key not in value:
            raise StrategicMergeError(
                f"map: {format_value(value)} does not contain declared merge key: {key}"
            )
        return _hashable(value[key])

    return convert


def _hashable(value: Any) -> Any:
    """Return the value, or the text of a list or object, which cannot be a dict key."""
    return format_value(value) if isinstance(value, dict | list) else value


def _merge_or_replace_list(held: list[Any], sent: list[Any], node: Node, budget: Budget) -> list[Any]:
    if "merge" not in node.strategies:
        return list(strip_directives(sent))
    budget.charge(len(held) + len(sent))
    return _merge_list(held, sent, node, budget)


def _merge_list(held: list[Any], sent: list[Any], node: Node, budget: Budget) -> list[Any]:
    if not held and not sent:
        return held
    _require_one_type(held, sent)
    if not any(isinstance(value, dict) for value in (*held, *sent)):
        merged = list(dict.fromkeys((*held, *sent)))
        return _sort_merged(merged, sent, held, lambda value: value)
    replaced = any(isinstance(value, dict) and value.get(PATCH) == "replace" for value in sent)
    identity = _choose_identity(node, [*held, *sent]) if not replaced else repr
    deleted, changes = _split_directives(sent)
    if replaced:
        return [strip_directives(value) for value in changes]
    gone = {identity(value) for value in deleted}
    kept = [value for value in held if identity(value) not in gone] if gone else list(held)
    _merge_elements(kept, changes, node, identity, budget)
    return _sort_merged(kept, changes, held, identity)


def _merge_elements(
    kept: list[Any], changes: list[Any], node: Node, identity: Callable[[Any], Any], budget: Budget
) -> None:
    """Merge elements of a patch's list into those with the same key, or append them."""
    places = _index_elements(kept, identity)
    merged: set[int] = set()
    for value in changes:
        place = places.get(identity(value))
        if place is None:
            place = places[identity(value)] = len(kept)
            kept.append(_make_element(value, node.merge_key))
        else:
            is_repeated = place in merged
            budget.repeats += is_repeated
            kept[place] = merge(kept[place], value, node.item or ANY_NODE, budget)
            budget.repeats -= is_repeated
        merged.add(place)


def _split_directives(sent: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the elements of a patch's list that delete, and those that change or add.

    StrategicMergeError.
    """
    deleted, changes = [], []
    for value in sent:
        directive = value.get(PATCH) if isinstance(value, dict) else None
        if directive is None:
            changes.append(value)
        elif directive == "delete":
            deleted.append(value)
        elif directive == "merge":
            raise StrategicMergeError("merging lists cannot yet be specified in the patch")
        elif directive != "replace":
            text = f"unknown patch type: {format_value(directive)} in map: {format_value(value)}"
            raise StrategicMergeError(text)
    return deleted, changes


def _require_one_type(held: list[Any], sent: list[Any]) -> None:
    """Reject lists of lists and mixed types. Like upstream, look for a list only in the first element."""
    first, *others = (*held, *sent)
    if isinstance(first, list):
        raise StrategicMergeError("lists of lists are not supported")
    if any(type(value) is not type(first) for value in others):
        raise StrategicMergeError(f"list element types are not identical: {format_value([held, sent])}")


def _make_element(value: Any, key: str | None) -> Any:
    """Return a patch element as a new list element.

    A null merge key stays, to identify it; decoding drops it.
    """
    plain = strip_directives(value)
    if isinstance(plain, dict) and key in value and value[key] is None:
        plain[key] = None
    return plain


def _sort_merged(
    merged: list[Any], order: list[Any], before: list[Any], identity: Callable[[Any], Any]
) -> list[Any]:
    """Sort elements that `order` names in its order. The others keep their position relative to them.

    Upstream merges the two sorted lists: an element that only the server has comes first if the next ordered
    one was after it in `before`.
    """
    ranks, places = _index_elements(order, identity), _index_elements(before, identity)
    listed = sorted((value for value in merged if identity(value) in ranks), key=lambda v: ranks[identity(v)])
    others = _sort_stable([value for value in merged if identity(value) not in ranks], places, identity)
    result: list[Any] = []
    right = 0
    for other in others:
        place = places.get(identity(other), -1)
        while right < len(listed):
            next_place = places.get(identity(listed[right]), -1)
            if 0 <= place < next_place:
                break
            result.append(listed[right])
            right += 1
        result.append(other)
    return result + listed[right:]


def _sort_stable(values: list[Any], places: dict[Any, int], identity: Callable[[Any], Any]) -> list[Any]:
    """Sort as Go's sort.Stable does, where an element without a position is less than any other."""
    if len(values) > _FEW:
        return values
    result: list[Any] = []
    for value in values:
        place, at = places.get(identity(value)), len(result)
        while at:
            before = places.get(identity(result[at - 1]))
            if place is not None and before is not None and place >= before:
                break
            at -= 1
        result.insert(at, value)
    return result


def _index_elements(values: list[Any], identity: Callable[[Any], Any]) -> dict[Any, int]:
    """Return the index of each element, of the first one if several are equal."""
    return {identity(value): index for index, value in reversed(list(enumerate(values)))}
