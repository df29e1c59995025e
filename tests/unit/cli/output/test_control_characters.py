"""Terminal escapes of a host reach no terminal, whatever prints them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.cli.output.control_characters import escape_controls

#: Sets the title, clears the screen, hides text, answers for the user, turns the direction; and rich's markup.
ATTACK = "\x1b]0;title\x07\x1b[2J\x1b[8m\x9b6n\u202e[red]:smile:\r"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: print
      shell: printf '%s' "$A"; printf '%s' "$A" >&2
      environment: {A: "{{ attack }}"}
      register: r
    - debug: {var: r.stdout}
    - debug: {msg: "{{ r.stdout }}"}
    - debug: {msg: "{{ item }}"}
      loop: ["{{ r.stdout }}"]
      loop_control: {label: "{{ r.stdout }}"}
    - copy: {content: "{{ r.stdout }}", dest: "{{ playbook_dir }}/f"}
    - fail: {msg: "{{ r.stdout }}"}
      ignore_errors: true
    - debug: {msg: "{{ lookup('file', r.stdout, errors='warn') }}"}
    - name: "{{ r.stdout }}"
      shell: printf '%s' "$A" >&2; exit 1
      environment: {A: "{{ attack }}"}
"""


def run_on_terminal(words: list[str], folder: Path) -> str:
    """Return all that a command writes to its terminal."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "kprov.cli.main", *words])
    output = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    os.close(descriptor)
    os.waitpid(pid, 0)
    return output.decode()


def check_harmless(output: str) -> None:
    assert r"\x1b]0;title" in output
    assert r"\u009b6n\u202e[red]:smile:" in output
    for part in ("\x1b]", "\x07", "\x1b[2J\x1b[8m", "\x9b", "\u202e"):
        assert part not in output


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    (tmp_path / "vars.json").write_text(json.dumps({"attack": ATTACK}))
    path = tmp_path / "play.yml"
    path.write_text(PLAY)
    return path


OPTIONS = ["-i", "localhost,", "-c", "local", "-e", "@vars.json"]


@pytest.mark.parametrize("more", [[], ["-vv", "--diff"]])
def test_a_run_shows_the_escapes_of_hosts(playbook: Path, more: list[str]) -> None:
    check_harmless(run_on_terminal(["play", *OPTIONS, str(playbook), *more], playbook.parent))


def test_one_module_shows_them_too(playbook: Path) -> None:
    words = ["run", "all", "-m", "shell", "-a", "printf '%s' '{{ attack }}'"]
    check_harmless(run_on_terminal([*words, *OPTIONS], playbook.parent))


def test_so_does_what_is_written_without_a_console(playbook: Path) -> None:
    """The error of a program goes to standard error as it is."""
    code = "import sys, typer\nfrom kprov.cli.output.standard_streams import protect_streams\nprotect_streams()\n"
    code += "typer.echo(sys.argv[1]); typer.echo(sys.argv[1], err=True); print(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, ATTACK], capture_output=True, text=True, check=True)
    check_harmless(done.stdout)
    check_harmless(done.stderr)


def test_the_document_of_json_stays_one() -> None:
    text = json.dumps({"a": ATTACK + "\x7fä"}, ensure_ascii=False)
    assert json.loads(escape_controls(text)) == {"a": ATTACK + "\x7fä"}


def test_plain_text_is_kept() -> None:
    assert escape_controls("a\tb\r\nÄ 日本\n") == "a\tb\nÄ 日本\n"
