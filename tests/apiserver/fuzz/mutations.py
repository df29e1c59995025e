"""Objects that are nearly right: what a server has, with some places of it changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

from tests.apiserver.fuzz.oddities import documents

#: What a value is replaced with, besides any document.
_NEAR: Final[tuple[Any, ...]] = (
    None, "", 0, -1, 1, 2**31, 2**63, 2**64, 1.5, True, [], {}, [None], [{}], {"": None}, "a", "0", "-1", "1Gi", "9" * 30, "1e400", "/", "a" * 64,
    "a" * 300, "A_B", "*", "..", "300.1.1.1", "::1", "10.0.0.0/8", "2020-01-01T00:00:00Z", "YQ", "\x00", "é", "Always", "50%", "101%", [[]],
)  # fmt: skip
_ACTIONS: Final = ("replace", "replace", "remove", "double", "rename", "wrap", "move")
_draws = st.lists(
    st.tuples(
        st.integers(0, 10_000), st.sampled_from(_ACTIONS), st.sampled_from(_NEAR) | documents, st.integers(0, 10_000)
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
#: What `changed` is to do.
changes = _draws


def changed(document: Any, drawn: list[tuple[int, str, Any, int]]) -> Any:
    """A copy with that done at those places, which are numbered through the document as it stands then."""
    root = [copy.deepcopy(document)]
    for number, action, value, other in drawn:
        places = list(_places(root))
        holder, key = places[number % len(places)]
        match action:
            case "remove":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case "rename" if isinstance(holder, dict):
                holder[str(value)[:300]] = holder.pop(key)
            case "wrap":
                holder[key] = [holder[key]]
            case "move":
                source, name = places[other % len(places)]
                holder[key] = copy.deepcopy(source[name])
            case _:
                holder[key] = copy.deepcopy(value)
        if not root:
            return None
    return root[0]


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys or positions."""
    inside = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, value in list(inside):
        yield holder, key
        if isinstance(value, dict | list):
            yield from _places(value)
