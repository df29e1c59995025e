"""Actions of file modules, from the operator's files to those of the host and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.inventory.vault import vault_format
from kprov.playbook.actions.modules.copy import list_folder


def played(bench: Any, *tasks: str, **options: Any) -> dict[str, str]:
    """Outcomes on host a by the tasks' names, 0, 1, ..."""
    lines = "".join(f"    - {{name: '{number}', {task}}}\n" for number, task in enumerate(tasks))
    bench.recorder.seen.clear()
    bench.play("- hosts: a\n  gather_facts: false\n  tasks:\n" + lines, **options)
    found: dict[str, str] = bench.outcomes()
    return found


def test_list_folder_follows_links_or_lists_them(tmp_path: Path) -> None:
    (tmp_path / "t/sub").mkdir(parents=True)
    (tmp_path / "t/sub/f").write_text("f")
    (tmp_path / "t/link").symlink_to("sub/f")
    (tmp_path / "t/circle").symlink_to(".")
    (tmp_path / "t/dangling").symlink_to("none")
    tree, contents = list_folder(tmp_path / "t", inside=False, follow=True, args={})
    assert sorted(name for name, *_ in tree["files"]) == ["t/link", "t/sub/f"]
    assert sorted(tree["links"]) == [[".", "t/circle"], ["none", "t/dangling"]]
    assert list(contents.values()) == [b"f"]
    tree, _ = list_folder(tmp_path / "t", inside=True, follow=False, args={})
    assert (tree["folders"], len(tree["links"])) == (["sub"], 3)


def test_files_and_folders_travel_once(bench: Any, tmp_path: Path) -> None:
    bench.write("files/tree/sub/f", "f")
    bench.write("files/large", "x" * 70_000)
    bench.write("fragments/1", "one\n")
    tasks = (
        "copy: {src: tree, dest: '{{ out }}/there'}",
        "copy: {src: large, dest: '{{ out }}/there/'}",
        "copy: {content: {a: 1}, dest: '{{ out }}/json'}",
        "assemble: {src: fragments, dest: '{{ out }}/whole', remote_src: false}",
    )
    assert set(played(bench, *tasks).values()) == {"changed"}
    assert set(played(bench, *tasks).values()) == {"ok"}
    assert (tmp_path / "there/tree/sub/f").read_text() == "f"
    assert (tmp_path / "there/large").stat().st_size == 70_000
    assert (tmp_path / "json").read_text() == '{"a": 1}'
    assert (tmp_path / "whole").read_text() == "one\n"


def test_templates_take_jinjas_settings(bench: Any, tmp_path: Path) -> None:
    bench.write("templates/t.j2", "[[ n ]]\n[% if true %]\nü {{ template_path }}\n[% endif %]\n")
    settings = (
        "variable_start_string: '[[', variable_end_string: ']]', "
        "block_start_string: '[%', block_end_string: '%]', newline_sequence: '\\r\\n', output_encoding: latin-1"
    )
    played(bench, f"template: {{src: t.j2, dest: '{{{{ out }}}}/', {settings}}}")
    assert (tmp_path / "t.j2").read_bytes() == "1\r\nü {{ template_path }}\r\n".encode("latin-1")


def test_fetch_writes_below_the_hosts_name(bench: Any, tmp_path: Path) -> None:
    bench.write("source", "text")
    tasks = (
        "fetch: {src: '{{ out }}/source', dest: fetched}",
        "fetch: {src: '{{ out }}/source', dest: flat/, flat: true}",
        "fetch: {src: /none, dest: fetched, fail_on_missing: false}",
    )
    assert list(played(bench, *tasks).values()) == ["changed", "changed", "ok"]
    assert list(played(bench, *tasks).values()) == ["ok", "ok", "ok"]
    assert (tmp_path / "fetched/a" / str(tmp_path / "source").lstrip("/")).read_text() == "text"
    assert (tmp_path / "flat/source").read_text() == "text"
    assert list(played(bench, *tasks[:1], check=True).values()) == ["skipped"]


REFUSED = {
    "copy: {dest: /x}": "src (or content) is required",
    "copy: {content: x, dest: /x/}": "can not use content with a dir as dest",
    "fetch: {src: /none, dest: x}": "the remote file does not exist, not transferring, ignored",
    "fetch: {src: /etc, dest: x}": "remote file is a directory, fetch cannot work on directories",
    "unarchive: {src: 'https://x', dest: /}": "an URI src (https://x) is only supported when remote_src",
    "template: {src: none.j2, dest: /x}": "Could not find or access",
}


def test_refusals_in_ansibles_words(bench: Any) -> None:
    played(bench, *(f"{task}, ignore_errors: true" for task in REFUSED))
    assert len(bench.recorder.seen) == len(REFUSED)
    for text in REFUSED.values():
        assert text in bench.recorder.shown


def test_shell_raw_and_script(bench: Any, tmp_path: Path) -> None:
    bench.write("files/a script.sh", '#!/bin/sh\necho "$1" > "$2"\n').chmod(0o755)
    tasks = (
        "shell: 'echo $((1 + 1)) > out chdir={{ out }}'",
        "raw: 'echo raw > {{ out }}/raw'",
        'script: \'"a script.sh" "two words" {{ out }}/script\'',
    )
    assert set(played(bench, *tasks).values()) == {"changed"}
    texts = [(tmp_path / name).read_text() for name in ("out", "raw", "script")]
    assert texts == ["2\n", "raw\n", "two words\n"]
    assert set(played(bench, *tasks, check=True).values()) == {"skipped"}


def test_encrypted_files_travel_as_plain_text(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("password", "secret\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    for name in ("files/key", "fragments/1"):
        bench.write(name, vault_format.encrypt(b"plain\n", b"secret"))
    played(
        bench,
        "copy: {src: key, dest: '{{ out }}/opened'}",
        "copy: {src: key, dest: '{{ out }}/closed', decrypt: false}",
        "assemble: {src: fragments, dest: '{{ out }}/whole', remote_src: false}",
    )
    assert (tmp_path / "opened").read_text() == (tmp_path / "whole").read_text() == "plain\n"
    assert (tmp_path / "closed").read_text().startswith("$ANSIBLE_VAULT;")


def test_the_error_for_a_missing_source_lists_the_searched_folders(bench: Any, tmp_path: Path) -> None:
    bench.write("roles/r/meta/main.yml", "dependencies: []\n")
    bench.write(
        "roles/r/tasks/sub/more.yml", "- {name: copied, copy: {src: none, dest: /x}, ignore_errors: true}\n"
    )
    bench.write("roles/r/tasks/main.yml", "- include_tasks: sub/more.yml\n")
    bench.play("- {hosts: a, gather_facts: false, roles: [r]}\n")
    role = tmp_path / "roles/r"
    places = [
        *(role / "files", role, role / "files", role / "tasks"),
        *(role / "tasks/sub/files", role / "tasks/sub", tmp_path / "files", tmp_path),
    ]
    said = (
        "Searched in:\n\t" + "\n\t".join(f"{place}/none" for place in places) + " on the Ansible Controller."
    )
    assert json.dumps(said)[1:-1] in bench.recorder.shown


def test_a_file_beside_the_tasks_of_a_role_s_own_folder_is_found(bench: Any, tmp_path: Path) -> None:
    bench.write("roles/r/tasks/sub/files/it", "beside")
    bench.write("roles/r/tasks/sub/more.yml", "- {name: copied, copy: {src: it, dest: '{{ out }}/it'}}\n")
    bench.write("roles/r/tasks/main.yml", "- include_tasks: sub/more.yml\n")
    bench.play("- {hosts: a, gather_facts: false, roles: [r]}\n")
    assert (tmp_path / "it").read_text() == "beside"
