"""A run at a terminal: pauses, steps, colours, as a user meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]
RUN = ("play", "-c", "local", "-i", "a,b,")


def written(folder: Path, tasks: str) -> str:
    path = folder / "play.yml"
    path.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    return str(path)


PAUSE = """
    - {name: wait, pause: {%s}, register: paused}
    - {name: said, debug: {msg: "typed <{{ paused.user_input }}>"}}
"""


def test_a_pause_takes_what_is_typed_until_enter(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, PAUSE % "prompt: Name"))
    run.until("[wait]\nName: ")
    run.type("jö\x7foe\r")
    assert run.end() == 0
    assert "typed <joe>" in run.seen


def test_a_pause_hides_what_is_typed_without_echo(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, "    - {name: wait, pause: {prompt: Name, echo: false}}\n"))
    run.until("Name (output is hidden): ")
    run.type("sesame\r")
    assert run.end() == 0
    assert "sesame" not in run.seen


@pytest.mark.parametrize("arguments", ["prompt: Name", "seconds: 600", "minutes: 10"])
def test_ctrl_c_then_c_goes_on(arguments: str, terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, PAUSE % arguments))
    run.until("Name: " if "Name" in arguments else "(press Ctrl-C, then C to continue now or A to abort)")
    run.type("x\r" if "Name" not in arguments else "")
    run.type("\x03")
    run.until("Press C to continue or A to abort")
    run.type("C")
    assert run.end() == 0
    assert "typed <>" in run.seen


def test_ctrl_c_then_a_ends_the_play_for_all_hosts(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, PAUSE % "seconds: 600"))
    run.until("(press Ctrl-C, then C to continue now or A to abort)")
    run.type("\x03a")
    assert run.end() == 1
    assert "a: wait" in run.seen
    assert "user requested abort!" in run.seen
    assert "typed" not in run.seen


def test_a_pause_is_over_when_its_time_is(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, PAUSE % "seconds: 1"))
    assert run.end() == 0
    assert "Pausing for 1 seconds" in run.seen


STEPS = """
    - {name: one, debug: {msg: first}}
    - {name: two, debug: {msg: second}}
    - {name: three, debug: {msg: third}}
    - {name: four, debug: {msg: fourth}}
"""


def test_step_asks_before_every_task(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, "--step", written(tmp_path, STEPS))
    for name, answer in (("one", "y"), ("two", "n"), ("three", "c")):
        run.until(f"Perform task: {name} ")
        run.type(f"{answer}\n")
    assert run.end() == 0
    assert "second" not in run.seen
    assert all(word in run.seen for word in ("first", "third", "fourth"))


def test_ctrl_c_at_a_step_ends_the_run(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, "--step", written(tmp_path, STEPS))
    run.until("Perform task: one ")
    run.type("\x03")
    assert run.end() == 130
    assert "interrupted" in run.seen


def test_vars_prompt_asks(terminal: Open, tmp_path: Path) -> None:
    text = "  vars_prompt:\n    - {name: who, prompt: Who, private: false, default: nobody}\n    - {name: word, prompt: Word}\n"
    path = Path(written(tmp_path, '    - debug: {msg: "{{ who }} {{ word | length }}"}\n'))
    path.write_text(path.read_text().replace("  tasks:\n", f"{text}  tasks:\n"))
    run = terminal(*RUN, str(path))
    run.until("Who [nobody]: ")
    run.type("\n")
    run.until("Word: ")
    run.type("sesame\n")
    assert run.end() == 0
    assert "nobody 6" in run.seen
    assert "sesame" not in run.seen


def test_no_color_and_dumb_terminals_get_no_colours(terminal: Open, tmp_path: Path) -> None:
    playbook = written(tmp_path, "    - {name: one, command: echo}\n")
    # One after the other: what nobody reads blocks its run, which keeps the others from this host.
    runs = []
    for environment in ({"NO_COLOR": "1"}, {}, {"TERM": "dumb"}):
        runs.append(terminal(*RUN, playbook, **environment))
        assert runs[-1].end() == 0
    plain, coloured, dumb = runs
    assert "\x1b[32m" in coloured.raw
    assert "\x1b[32m" not in plain.raw
    assert "\x1b" not in dumb.raw
    assert "changed     a: one" in dumb.seen


def test_ctrl_c_ends_a_run_and_leaves_the_terminal_as_it_was(terminal: Open, tmp_path: Path) -> None:
    run = terminal(*RUN, written(tmp_path, "    - {name: long, command: sleep 600}\n"))
    run.until("long  0/2 hosts")
    run.type("\x03")
    assert run.end() == 130
    assert "to continue, run `kprov resume -i a,b,`" in run.seen
    assert run.raw.rindex("\x1b[?25h") > run.raw.rindex("\x1b[?25l")
