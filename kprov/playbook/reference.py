"""Generate the reference in docs/playbook.md: `python -m kprov.playbook.reference` prints it.

`--write` updates the document. The reference is made from the tables that the engine uses.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from kprov.content.locations import CONTENT
from kprov.playbook.loading import arguments, module_names, play_checks, playbook_keywords
from kprov.playbook.templating.filters.filter_table import FILTERS, REFUSED_FILTERS
from kprov.playbook.templating.jinja_tests.jinja_test_table import REFUSED_TESTS, TESTS
from kprov.playbook.templating.lookups.lookup_table import LOOKUPS, REFUSED_LOOKUPS
from kprov.transport import agent_modules

#: The documentation stands only in a checkout.
DOCUMENT = CONTENT / "docs" / "playbook.md"
DIFFERENCES = CONTENT / "tests" / "parity" / "differences.yml"
BEGIN = "<!-- generated: python -m kprov.playbook.reference --write -->"
END = "<!-- end of what is generated -->"
#: `tool.rumdl` in pyproject.toml has the same.
LINE_LENGTH = 100
#: Modules that only the keywords async and poll use.
_INTERNAL = {"async_start", "preflight"}


def render_reference() -> str:
    """Return all tables as Markdown."""
    parts = [
        ("Keywords", _render_keywords()),
        ("Modules", _render_modules()),
        ("Arguments that are refused", _render_unsupported_arguments()),
        ("Modules that are refused", _render_alternatives(module_names.UNSUPPORTED_MODULES)),
        ("Words of meta", _wrap_text(_render_words(play_checks.METAS))),
        ("Filters", _render_plugins(FILTERS, REFUSED_FILTERS, "filter")),
        ("Tests", _render_plugins(TESTS, REFUSED_TESTS, "test")),
        ("Lookups", _render_plugins(LOOKUPS, REFUSED_LOOKUPS, "lookup")),
        ("Differences from ansible-core", _render_differences()),
    ]
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in parts) + "\n"


def update_document(document: str) -> str:
    """Return the document with a new generated part. Raises ValueError if its marks are missing."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT} has no {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{render_reference()}\n{END}{after}"


def _render_keywords() -> str:
    places = {
        "play": playbook_keywords.PLAY,
        "role": playbook_keywords.ROLE,
        "block": playbook_keywords.BLOCK,
        "task": playbook_keywords.TASK,
        "handler": playbook_keywords.HANDLER,
        "import_playbook": playbook_keywords.IMPORT_PLAYBOOK,
        "loop_control": playbook_keywords.LOOP_CONTROL,
    }
    rows = [
        (place, _render_words(word for word in words if word not in playbook_keywords.IGNORED_KEYWORDS))
        for place, words in places.items()
    ]
    rows.append(("strategy", _render_words(playbook_keywords.STRATEGIES)))
    rows.append(("order", _render_words(playbook_keywords.ORDERS)))
    return (
        _render_table(("place", "supported"), rows)
        + "\n\n"
        + _render_alternatives(playbook_keywords.IGNORED_KEYWORDS, "no effect")
    )


def _render_modules() -> str:
    rows = []
    for name in sorted(module_names.known_modules() - _INTERNAL):
        table = arguments.find_argument_table(name)
        if table is not None and _is_unsupported(table[0]):
            continue
        arguments_text = "free, or another module's" if table is None else _render_arguments(table[0])
        rows.append(
            (
                f"`{name}`",
                arguments_text,
                _render_check_mode(name),
                "yes" if _find_rules(name).get("diff") else "",
            )
        )
    return _render_table(("module", "arguments", "check mode", "diff"), rows)


def _is_unsupported(spec: Mapping[str, Mapping[str, Any]]) -> bool:
    return bool(spec) and all(entry.get("refused") for entry in spec.values())


def _render_arguments(spec: Mapping[str, Mapping[str, Any]]) -> str:
    cells = []
    for name, entry in sorted(spec.items()):
        if entry.get("refused") or name.startswith("_"):
            continue
        also = f" ({', '.join(sorted(entry['aliases']))})" if entry.get("aliases") else ""
        cells.append(f"**{name}**{also}" if entry.get("required") else f"{name}{also}")
    return ", ".join(cells)


def _render_check_mode(name: str) -> str:
    rules = _find_rules(name)
    if rules.get("check_mode") is False:
        return "skipped"
    return "runs" if name in module_names.RUN_ACTIONS or rules.get("read_only") else "yes"


def _find_rules(name: str) -> dict[str, Any]:
    """Return the rules of a module: `check_mode`, `diff`, `read_only` (it changes nothing)."""
    table = arguments.find_argument_table(name)
    if table is not None:
        return table[1]
    return agent_modules.module_rules(name) if name in agent_modules.module_names() else {}


def _render_unsupported_arguments() -> str:
    rows = []
    for module in sorted(module_names.known_modules()):
        spec = (arguments.find_argument_table(module) or ({}, {}))[0]
        if not _is_unsupported(spec):
            rows += [
                (f"`{module}`: {name}", str(entry["refused"]))
                for name, entry in sorted(spec.items())
                if entry.get("refused")
            ]
    return _render_table(("argument", "instead"), rows)


def _render_plugins(plugins: Mapping[str, Callable[..., Any]], refused: Mapping[str, str], kind: str) -> str:
    by_collection: dict[str, list[str]] = {}
    for name in plugins:
        collection, _, plain = name.rpartition(".")
        by_collection.setdefault(collection or "ansible.builtin", []).append(plain)
    rows = [(collection, _render_words(names)) for collection, names in sorted(by_collection.items())]
    return _render_table(("collection", f"{kind}s"), rows) + "\n\n" + _render_alternatives(refused)


def _render_differences() -> str:
    entries = yaml.safe_load(DIFFERENCES.read_text(encoding="utf-8"))
    rows: list[tuple[str, str]] = []
    reason = ""
    for entry in entries:
        reason = reason if entry["reason"].startswith("as above") else entry["reason"]
        if not rows or rows[-1][1] != reason:
            rows.append((f"{entry['case']}: {entry['task']}", reason))
    return _render_table(("playbook of the corpus: task", "what differs, and why"), rows)


def _render_alternatives(names: Mapping[str, str], title: str = "refused") -> str:
    return _render_table((title, "instead"), [(f"`{name}`", text) for name, text in sorted(names.items())])


def _render_words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def _wrap_text(text: str) -> str:
    return textwrap.fill(text, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)


def _render_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def main() -> None:
    """Print the generated part, or write it into the document with --write."""
    if sys.argv[1:] == ["--write"]:
        DOCUMENT.write_text(update_document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(render_reference())


if __name__ == "__main__":
    main()
