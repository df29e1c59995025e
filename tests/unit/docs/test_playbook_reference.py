"""docs/playbook.md says what the engine does, and its examples are playbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kprov.content.locations import CONTENT
from kprov.playbook import reference
from kprov.playbook.loading import playbook_loader
from kprov.transport import agent_modules

_EXAMPLE = re.compile(r"^```yaml playbook\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_DOCUMENTS = [
    *(CONTENT / "docs").rglob("*.md"),
    *(CONTENT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]


def test_the_tables_are_those_of_the_engine() -> None:
    """Mended by one command."""
    document = reference.DOCUMENT.read_text(encoding="utf-8")
    if reference.update_document(document) != document:
        pytest.fail("docs/playbook.md is behind; mend it: python -m kprov.playbook.reference --write")


def test_a_document_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="generated"):
        reference.update_document("# Playbooks\n")


def test_there_are_examples() -> None:
    assert _EXAMPLE.findall(reference.DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "example", _EXAMPLE.findall(reference.DOCUMENT.read_text(encoding="utf-8")), ids=lambda text: text[:20]
)
def test_every_example_can_be_played(example: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yml"
    path.write_text(example, encoding="utf-8")
    assert playbook_loader.load_playbook(path)


@pytest.mark.parametrize("path", _DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in _LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_what_modules_say_of_themselves_has_known_words() -> None:
    known = {
        "check_mode",
        "diff",
        "file_arguments",
        "read_only",
        "mutually_exclusive",
        "required_by",
        "required_if",
        "required_one_of",
        "required_together",
    }
    for name in agent_modules.module_names():
        assert set(agent_modules.module_rules(name)) <= known, name
