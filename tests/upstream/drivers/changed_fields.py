"""Each field of each stored sample, changed and removed: what an update refuses, and what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.upstream import samples
from tests.upstream.drivers.kinds import release
from tests.upstream.drivers.wrong_fields import leaves
from tests.upstream.steps import REMOVED, Step, change_at


def steps() -> Iterator[Step]:
    for kind in samples.kinds():
        body = samples.find(kind)
        one = f"{kind}/{body['metadata']['name']}"
        yield Step(f"create {kind}", f"POST {kind}", body)
        for path, value in leaves(body):
            for other in (_other_value(value), REMOVED):
                if other is not None:
                    changed = change_at(body, {path: other})
                    yield Step(f"{kind} {path} {str(other)[:20]}", f"PUT {one}?dryRun=All", changed)
        yield Step(f"delete {kind}", f"DELETE {one}?gracePeriodSeconds=0", only=("status",))
        yield release(one)


def _other_value(value: Any) -> Any:
    """One of the same type, None for objects."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return [] if isinstance(value, list) else None
