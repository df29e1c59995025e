"""The columns of server-side tables. The table is columns.yaml, which explains the fields."""

from __future__ import annotations

import importlib.resources
from functools import cache

import msgspec


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column. Its description is a text, or that of a field in the OpenAPI definitions (TYPE.FIELD)."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""
    description_of: str = ""


class ColumnTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`common` are the columns that many kinds have, such as name and age; `kinds` is by group and kind."""

    common: dict[str, Column]
    kinds: dict[str, dict[str, tuple[Column, ...]]]

    def find(self, group: str, kind: str) -> tuple[Column, ...] | None:
        """Return the columns of a kind, None for a kind without columns of its own."""
        return self.kinds.get(group, {}).get(kind)


@cache
def load_columns() -> ColumnTable:
    """Return the table. It is read for the first answer that shows columns."""
    import yaml

    text = (importlib.resources.files(__package__) / "columns.yaml").read_text()
    table = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    return msgspec.convert(table, ColumnTable)
