"""What is the same for all hosts is worked out once, also when all of them ask at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.actions.call import Call
from kprov.playbook.model.plays import Block, Play, Task
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar

HOSTS = 8


def at_once(work: Callable[[], Any]) -> list[Any]:
    ready = threading.Barrier(HOSTS)

    def one(_: int) -> Any:
        ready.wait(10)
        return work()

    with ThreadPoolExecutor(HOSTS) as pool:
        return list(pool.map(one, range(HOSTS)))


def test_a_template_file_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.j2"
    path.write_text("{{ name }}!\n")
    templar = Templar()
    compiled: list[Path] = []
    real = Templar._compile_file

    def counted(self: Templar, path: Path, search: tuple[Path, ...], settings: dict[str, Any]) -> Any:
        compiled.append(path)
        return real(self, path, search, settings)

    monkeypatch.setattr(Templar, "_compile_file", counted)
    scope = Scope(templar, [Layer({"name": "one"})])
    assert at_once(lambda: templar.render_file(path, scope, ())) == ["one!\n"] * HOSTS
    assert compiled == [path]


def test_a_text_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    templar = Templar()
    compiled: list[str] = []
    real = Templar._compile_text

    def counted(self: Templar, text: str) -> Any:
        compiled.append(text)
        return real(self, text)

    monkeypatch.setattr(Templar, "_compile_text", counted)
    scope = Scope(templar, [Layer({"number": 20})])
    assert at_once(lambda: templar.render_text("{{ number + 1 }}", scope)) == [21] * HOSTS
    assert compiled == ["{{ number + 1 }}"]


def test_a_file_that_comes_later_is_found_in_the_same_folders(tmp_path: Path) -> None:
    task = Task({}, file=str(tmp_path / "tasks.yml"))
    (tmp_path / "a").write_text("")
    templar = Templar()
    call = Call(task, "h", Scope(templar, []), templar, {}, tmp_path)
    assert call.find_file("a", "files") == tmp_path / "a"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_text("")
    assert call.find_file("a", "files") == tmp_path / "files" / "a"


def test_the_nearest_value_of_a_keyword_holds_and_lists_are_collected_from_outside() -> None:
    play = Play({"tags": ["all"], "become": True})
    block = Block({"tags": "some", "become": None}, parent=play)
    task = Task({"tags": ["one", "two"]}, parent=block)
    assert task.get("become", "default") is None
    assert task.get("delegate_to", "default") == "default"
    assert task.collect_keyword("tags") == ["all", "some", "one", "two"]


def test_a_playbook_that_was_loaded_ahead_serves_one_run(bench: Any) -> None:
    path = bench.write("ahead.yml", "- hosts: a\n  gather_facts: false\n  tasks:\n    - ping:\n")
    with bench.engine() as engine:
        engine.preload(path)
        engine._preloaded[3].result()
        path.unlink()
        assert engine.run(path).ok
        with pytest.raises(InputError, match=r"ahead\.yml"):
            engine.run(path)


def test_a_mistake_in_a_playbook_that_is_loaded_ahead_is_that_of_the_run(bench: Any) -> None:
    path = bench.write("ahead.yml", "- hosts: a\n  tasks:\n    - no_such_module:\n")
    with bench.engine() as engine:
        engine.preload(path)
        with pytest.raises(InputError, match="no_such_module"):
            engine.run(path)


def test_a_playbook_is_loaded_again_for_other_variables(bench: Any) -> None:
    path = bench.write(
        "ahead.yml", "- hosts: a\n  gather_facts: false\n  tasks:\n    - debug: {msg: '{{ x }}'}\n"
    )
    with bench.engine() as engine:
        engine.preload(path)
        engine.options = replace(engine.options, extra_vars={"x": "later"})
        assert engine.run(path).ok
    assert "later" in bench.recorder.shown
