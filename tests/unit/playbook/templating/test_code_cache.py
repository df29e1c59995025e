"""Compiled templates serve later runs, if only this user can have written them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from kprov.inventory import secrets
from kprov.playbook.templating import code_cache, plugin_files
from kprov.playbook.templating.code_cache import CodeCache
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError

TEXT = "{{ name | upper }} and {{ name }}"
INNER, OUTER = "inner of {{ name }}\n", "{% include 'inner.j2' %}outer\n"


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The sources that Jinja2 compiled."""
    sources: list[str] = []
    real = jinja2.Environment._compile

    def count(self: jinja2.Environment, source: str, filename: str) -> object:
        sources.append(source)
        return real(self, source, filename)

    monkeypatch.setattr(jinja2.Environment, "_compile", count)
    yield sources
    secrets.forget()


def render_all(folder: Path, text: str = TEXT) -> tuple[object, ...]:
    """Render a text, a condition and a file that includes another, as a run does; save the cache."""
    (folder / "inner.j2").write_text(INNER)
    (folder / "outer.j2").write_text(OUTER)
    cache = CodeCache(folder / "cache" / "code.bin")
    templar = Templar(code=cache)
    scope = Scope(templar, [Layer({"name": "node1", "count": 3})])
    results = (
        templar.render(text, scope),
        templar.evaluate_condition("count | int > 2", scope),
        templar.render_file(folder / "outer.j2", scope, ()),
    )
    cache.save()
    return results


def test_a_second_run_compiles_nothing_and_gives_the_same(tmp_path: Path, compiled: list[str]) -> None:
    first = render_all(tmp_path)
    assert first == ("NODE1 and node1", True, "inner of node1outer\n")
    assert len(compiled) == 4
    compiled.clear()
    assert render_all(tmp_path) == first
    assert compiled == []


def test_a_changed_template_is_compiled_again(tmp_path: Path, compiled: list[str]) -> None:
    render_all(tmp_path)
    compiled.clear()
    assert render_all(tmp_path, "other {{ name }}")[0] == "other node1"
    assert len(compiled) == 1


def test_other_versions_of_python_jinja_or_kprov_compile_again(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    render_all(tmp_path)
    compiled.clear()
    monkeypatch.setattr(code_cache, "_read_stamp", lambda: b"other".ljust(32))
    render_all(tmp_path)
    assert len(compiled) == 4


@pytest.mark.parametrize("damage", ["others may write", "of another user", "a link", "cut", "a changed byte"])
def test_a_file_that_is_not_surely_ours_is_not_executed(
    tmp_path: Path, compiled: list[str], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_all(tmp_path)
    file = tmp_path / "cache" / "code.bin"
    content = file.read_bytes()
    match damage:
        case "others may write":
            file.chmod(0o666)
        case "of another user":
            own = os.geteuid()
            monkeypatch.setattr(os, "geteuid", lambda: own + 1)
        case "a link":
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")
        case "cut":
            file.write_bytes(content[:-1])
        case "a changed byte":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    compiled.clear()
    assert render_all(tmp_path)[0] == "NODE1 and node1"
    assert len(compiled) == 4


def test_the_file_is_private_and_has_no_known_secret(tmp_path: Path) -> None:
    secrets.register("hunter2hunter2")
    assert render_all(tmp_path, "hunter2hunter2 of {{ name }}")[0] == "hunter2hunter2 of node1"
    file = tmp_path / "cache" / "code.bin"
    assert b"hunter2" not in file.read_bytes()
    assert b"inner of" in file.read_bytes()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_template_with_a_filter_of_a_file_is_compiled_in_every_run(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plugin_files._known["filter"], "shout", lambda text: f"{text}!")
    text = "{{ name | shout }}"
    assert render_all(tmp_path, text)[0] == "node1!"
    compiled.clear()
    assert render_all(tmp_path, text)[0] == "node1!"
    assert len(compiled) == 1
    monkeypatch.delitem(plugin_files._known["filter"], "shout")
    with pytest.raises(TemplatingError, match="shout"):
        render_all(tmp_path, text)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the place of the folder")
    assert render_all(tmp_path)[0] == "NODE1 and node1"


def test_only_templates_of_the_last_run_stay_in_a_full_cache(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "LIMIT", 4)
    render_all(tmp_path)
    render_all(tmp_path, "other {{ name }}")  # a fifth template: the first text was not used
    compiled.clear()
    render_all(tmp_path, "other {{ name }}")
    assert compiled == []
    render_all(tmp_path)
    assert len(compiled) == 1


def test_each_installation_has_a_file_and_the_oldest_are_removed(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "FOLDER", tmp_path / "cache")
    first = code_cache.open_code_cache()._file
    render_all(tmp_path)
    monkeypatch.setattr(code_cache, "_read_stamp", lambda: b"other".ljust(32))
    assert code_cache.open_code_cache()._file != first
    for age in range(1, 6):
        old = tmp_path / "cache" / f"old{age}.bin"
        old.write_bytes(b"")
        os.utime(old, (1_000_000 - age, 1_000_000 - age))
    render_all(tmp_path)
    names = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert names == ["code.bin", "old1.bin", "old2.bin", "old3.bin"]
