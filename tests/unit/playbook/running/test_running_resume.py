"""A run goes on where it ended: finished tasks are not done again, what they gave is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.results.journal import EarlierRun, find_latest

TEXT = """
- hosts: all
  gather_facts: false
  tasks:
    - name: count
      shell: echo x >> {{ out }}/count-{{ n }}; wc -l < {{ out }}/count-{{ n }}
      register: count
      notify: told
    - name: hidden
      command: echo {{ n }}
      register: hidden
      no_log: true
    - name: fact
      set_fact: {seen: "{{ count.stdout }}"}
    - name: gate
      command: test -e {{ out }}/open
      when: n == 1
    - name: after
      copy: {dest: "{{ out }}/after-{{ n }}", content: "{{ seen }} {{ hidden.stdout }}"}
  handlers:
    - name: told
      shell: echo x >> {{ out }}/told-{{ n }}
"""


def run_twice(bench: Any, text: str = TEXT) -> Path:
    journal: Path = bench.folder / "journal"
    assert not bench.play(text, journal=journal).ok
    (bench.folder / "open").write_text("")
    bench.recorder.seen.clear()
    with bench.engine(journal=journal) as engine:
        assert engine.resume().ok
    return journal


def test_it_goes_on_at_the_failed_task_of_the_failed_host(bench: Any) -> None:
    run_twice(bench)
    assert bench.order("a") == ["hidden", "fact", "gate", "after", "told"]
    assert (bench.folder / "count-1").read_text() == "x\n"
    assert (bench.folder / "after-1").read_text() == "1 1"


def test_handlers_that_were_notified_before_run_in_the_end_and_once(bench: Any) -> None:
    run_twice(bench)
    assert (bench.folder / "told-1").read_text() == "x\n"
    assert (bench.folder / "told-2").read_text() == "x\n"


def test_a_journal_cut_by_a_kill_is_read_to_its_last_whole_line(bench: Any) -> None:
    journal = bench.folder / "journal"
    bench.play(TEXT, journal=journal)
    path = find_latest(journal)
    assert path is not None
    whole = len(EarlierRun(path))
    with path.open("a") as file:
        file.write('{"event": "task", "host": "a", "outc')
    assert len(EarlierRun(path)) == whole > 0


def test_a_task_that_was_edited_runs_again(bench: Any) -> None:
    journal = bench.folder / "journal"
    bench.play(TEXT, journal=journal)
    (bench.folder / "open").write_text("")
    (bench.folder / "play.yml").write_text(
        TEXT.replace("echo x >> {{ out }}/count", "echo y >> {{ out }}/count")
    )
    with bench.engine(journal=journal) as engine:
        engine.resume()
    assert (bench.folder / "count-1").read_text() == "x\ny\n"


def test_secrets_and_no_log_results_are_not_in_the_journal(bench: Any) -> None:
    text = TEXT.replace("command: echo {{ n }}", "command: echo open-sesame-{{ n }}")
    journal = bench.folder / "journal"
    bench.play(text, journal=journal)
    said = "".join(path.read_text() for path in journal.iterdir())
    assert "open-sesame" not in said
    assert all((path.stat().st_mode & 0o777) == 0o600 for path in journal.iterdir())
    assert {json.loads(line)["event"] for line in said.splitlines()} == {
        "run",
        "play",
        "begin",
        "notify",
        "task",
        "done",
        "end",
    }


def test_variables_of_the_command_line_are_asked_for_again(bench: Any) -> None:
    journal = bench.folder / "journal"
    bench.play(TEXT, journal=journal, extra_vars={"word": "sesame"})
    with bench.engine(journal=journal) as engine, pytest.raises(InputError, match="word"):
        engine.resume()


def test_without_a_journal_there_is_nothing_to_go_on_with(bench: Any) -> None:
    with bench.engine(journal=bench.folder / "none") as engine, pytest.raises(InputError, match="no journal"):
        engine.resume()


OWED = """
- hosts: all
  gather_facts: false
  tasks:
    - name: configure
      copy: {dest: "{{ out }}/conf-{{ n }}", content: x}
      notify: told
    - name: gate
      command: test -e {{ out }}/open
  handlers:
    - name: told
      shell: echo x >> {{ out }}/told-{{ n }}
"""


def test_handlers_that_a_failed_run_owes_run_when_the_playbook_is_begun_again(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert not bench.play(OWED, journal=journal).ok
    assert not bench.play(OWED, journal=journal).ok
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal).ok
    assert bench.play(OWED, journal=journal).ok
    assert [(bench.folder / f"told-{n}").read_text() for n in (1, 2)] == ["x\n", "x\n"]


SERVICE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: other service
      meta: flush_handlers
    - name: configure
      copy: {dest: "{{ out }}/conf-{{ n }}", content: x}
      notify: "{{ topic }}"
    - name: gate
      command: test -e {{ out }}/open
    - name: install unit
      copy: {dest: "{{ out }}/unit-{{ n }}", content: x}
    - name: apply
      meta: flush_handlers
    - name: start
      shell: cat {{ out }}/restarts-{{ n }} > {{ out }}/seen-{{ n }}
  handlers:
    - name: restart
      listen: topic of restart
      shell: test -e {{ out }}/unit-{{ n }} && echo x >> {{ out }}/restarts-{{ n }}
"""


@pytest.mark.parametrize("topic", ["restart", "topic of restart"])
def test_a_pending_handler_waits_for_the_task_that_notifies_it(bench: Any, topic: str) -> None:
    journal = bench.folder / "journal"
    options: dict[str, Any] = {"journal": journal, "extra_vars": {"topic": topic}}
    assert not bench.play(SERVICE, **options).ok
    # A run that fails before the task leaves the handler to the next one.
    (bench.folder / "conf-1").unlink()
    (bench.folder / "conf-1").mkdir()
    assert not bench.play(SERVICE, **options).ok
    (bench.folder / "conf-1").rmdir()
    (bench.folder / "open").write_text("")
    assert bench.play(SERVICE, **options).ok
    for n in (1, 2):
        assert (bench.folder / f"seen-{n}").read_text() == "x\n"
        assert (bench.folder / f"restarts-{n}").read_text() == "x\n"


def test_a_pending_handler_runs_at_the_end_if_no_task_notifies_it(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert not bench.play(OWED, journal=journal).ok
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal, extra_vars={"out": str(bench.folder)}, tags=("none",)).ok
    assert (bench.folder / "told-1").read_text() == "x\n"


def test_a_task_whose_run_was_killed_before_it_could_tell_notifies_its_handlers(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert not bench.play(OWED, journal=journal).ok
    path = find_latest(journal)
    assert path is not None
    kept = [
        line for line in path.read_text().splitlines(keepends=True) if '"begin"' in line or '"run"' in line
    ]
    path.write_text("".join(kept))
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal).ok
    assert (bench.folder / "told-1").read_text() == "x\n"


def test_what_a_run_owes_is_not_forgotten_for_a_run_of_another_playbook(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert not bench.play(OWED, journal=journal).ok
    other = bench.write("other.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: echo\n")
    with bench.engine(journal=journal) as engine:
        assert engine.run(other).ok
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal).ok
    assert [(bench.folder / f"told-{n}").read_text() for n in (1, 2)] == ["x\n", "x\n"]


def test_a_task_cut_short_is_not_forgotten_for_a_run_on_other_hosts(bench: Any) -> None:
    journal = bench.folder / "journal"
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal).ok
    path = find_latest(journal)
    assert path is not None
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"begin"' in line or '"run"' in line))
    (bench.folder / "told-1").unlink()
    assert bench.play(OWED, journal=journal, limit="b").ok
    assert bench.play(OWED, journal=journal).ok
    assert (bench.folder / "told-1").read_text() == "x\n"


SECRETIVE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: configure
      copy: {dest: "{{ out }}/conf-{{ n }}", content: x}
      no_log: true
      register: configured
      notify: told
  handlers:
    - name: told
      shell: echo x >> {{ out }}/told-{{ n }}
      no_log: true
      register: said
"""


def test_tasks_whose_results_are_not_kept_are_not_taken_for_cut_short(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert bench.play(SECRETIVE, journal=journal).ok
    assert bench.play(SECRETIVE, journal=journal).changed == 0
    assert (bench.folder / "told-1").read_text() == "x\n"


def test_a_journal_without_a_whole_first_line_is_passed_over(bench: Any) -> None:
    journal = bench.folder / "journal"
    assert not bench.play(OWED, journal=journal).ok
    (journal / "99990101T000000-1.jsonl").write_text('{"time": 1, "ev')
    (bench.folder / "open").write_text("")
    assert bench.play(OWED, journal=journal).ok
    assert (bench.folder / "told-1").read_text() == "x\n"


def test_a_role_that_stands_twice_goes_on_in_its_second_use(bench: Any) -> None:
    bench.write(
        "roles/each/tasks/main.yml",
        "- {name: note, shell: 'echo {{ which }} >> {{ out }}/notes-{{ n }}'}\n"
        "- {name: gate, command: 'test -e {{ out }}/{{ needs }}', when: n == 1}\n"
        "- {name: end, shell: 'echo {{ which }} ends >> {{ out }}/notes-{{ n }}'}\n",
    )
    text = """
- hosts: all
  gather_facts: false
  roles:
    - {role: each, which: first, needs: hosts.yml}
    - {role: each, which: second, needs: open}
"""
    run_twice(bench, text)
    whole = ["first", "first ends", "second", "second ends"]
    for host in (1, 2):
        assert (bench.folder / f"notes-{host}").read_text().splitlines() == whole
    assert bench.order("a") == ["each : gate", "each : end"]
