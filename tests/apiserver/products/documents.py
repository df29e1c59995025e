"""The documents of a product: its definitions, and examples of their objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

JsonObject = dict[str, Any]

DEFINITION: Final = "CustomResourceDefinition"
#: Examples of one kind. Some products have hundreds that differ in little.
_EXAMPLES_OF_A_KIND: Final = 25


class _Loader(yaml.CSafeLoader):
    """Reads dates and a bare "=" as texts, as clients in Go do."""


def _construct_text(_: Any, node: Any) -> str:
    text: str = node.value
    return text


for _tag in ("value", "timestamp"):
    yaml.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct_text, Loader=_Loader)


@dataclass(slots=True)
class Product:
    """What stands in the folder of a product."""

    name: str
    definitions: list[JsonObject] = field(default_factory=list)
    examples: list[JsonObject] = field(default_factory=list)

    @property
    def rules(self) -> int:
        """Return the number of CEL rules in all schemas."""
        return sum(_count_rules(definition) for definition in self.definitions)


def read_product(folder: Path) -> Product:
    """Read FOLDER/definitions/*.yaml and FOLDER/examples/*.yaml. Documents of other kinds are ignored."""
    product = Product(folder.name)
    for document in read_documents(folder / "definitions"):
        if document.get("kind") == DEFINITION:
            product.definitions.append(document)
    kinds = {
        (definition["spec"]["group"], definition["spec"]["names"]["kind"])
        for definition in product.definitions
    }
    counts: dict[tuple[str, str], int] = {}
    for document in read_documents(folder / "examples"):
        kind = str(document.get("apiVersion")).partition("/")[0], str(document.get("kind"))
        if kind in kinds and counts.get(kind, 0) < _EXAMPLES_OF_A_KIND:
            counts[kind] = counts.get(kind, 0) + 1
            product.examples.append(document)
    return product


def read_documents(folder: Path) -> Iterator[JsonObject]:
    """Yield the objects of FOLDER/*.yaml, also those of lists. A file that is no YAML, such as a template, is skipped."""
    for file in sorted(folder.glob("*.yaml")):
        try:
            documents = list(yaml.load_all(file.read_text(), Loader=_Loader))
        except yaml.YAMLError:
            continue  # a template
        for document in documents:
            if not isinstance(document, dict):
                continue
            if document.get("kind") == "List":
                yield from document.get("items") or ()
            else:
                yield document


def _count_rules(value: Any) -> int:
    pending, count = [value], 0
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            rules = current.get("x-kubernetes-validations")
            count += len(rules) if isinstance(rules, list) else 0
            pending += current.values()
        elif isinstance(current, list):
            pending += current
    return count
