"""All mistakes of a playbook are reported at once, those of included files by --syntax-check too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.model.search_paths import SearchPaths, load_search_paths

HEAD = "- hosts: a\n  gather_facts: false\n"


def problems(bench: Any, text: str, *, includes: bool = False, **options: Any) -> str:
    path = bench.write("play.yml", text)
    with pytest.raises(InputError) as caught, bench.engine(**options) as engine:
        engine.list_plays(path, includes=includes)
    return str(caught.value).replace(f"{bench.folder}/", "")


def test_every_wrong_task_of_plays_roles_and_imports_is_reported_once(bench: Any) -> None:
    bench.write("roles/r/tasks/main.yml", "- nosuch:\n- block: [{import_role: {state: absent}}]\n")
    bench.write("roles/r/meta/main.yml", "dependencies: [missing]\n")
    bench.write("more.yml", "- debgu: {msg: x, mesg: y}\n")
    text = HEAD + "  rols: []\n  roles: [r]\n  tasks:\n    - debgu:\n    - import_tasks: more.yml\n"
    text += "    - debug:\n      notify: nobody\n- hosts: b\n  tasks: {}\n- import_playbook: none.yml\n"
    text += "- hosts: a\n  roles: [r]\n"
    said = problems(bench, text)
    assert [line.split(": ")[0].strip() for line in said.splitlines()] == [
        "8 problems in play.yml",
        "play.yml:3",
        "roles/r/meta/main.yml:1",
        "roles/r/tasks/main.yml:1",
        "roles/r/tasks/main.yml:2",
        "play.yml:6",
        "more.yml:1",
        "play.yml:11",
        "play.yml:12",
    ]


def test_one_problem_stands_alone(bench: Any) -> None:
    assert problems(bench, HEAD + "  tasks:\n    - nosuch:\n").startswith("play.yml:4: the module 'nosuch'")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("  roles:\n    - {role: base}\n    - nosuch\n", "play.yml:5: roles: "),
        ("  roles:\n    - {role: base}\n    - role: nosuch\n", "play.yml:5: roles: "),
        ("  tasks:\n    - import_role: {name: nosuch}\n", "play.yml:4: roles: "),
        ("  roles: [needs]\n", "roles/needs/meta/main.yml:2: roles: "),
    ],
)
def test_a_role_that_is_not_found_is_named_with_its_place(bench: Any, text: str, place: str) -> None:
    bench.write("roles/base/tasks/main.yml", "")
    bench.write("roles/needs/meta/main.yml", "dependencies:\n  - nosuch\n")
    assert problems(bench, HEAD + text).startswith(f"{place}the role 'nosuch' was not found in roles, ")


def test_files_that_are_included_by_name_are_read_by_a_syntax_check_only(bench: Any) -> None:
    bench.write("one.yml", "- debug:\n  whne: x\n- include_tasks: two.yml\n- include_tasks: '{{ x }}.yml'\n")
    bench.write("two.yml", "- debug:\n  whne: x\n- include_tasks: one.yml\n")
    bench.write("roles/r/tasks/main.yml", "- include_tasks: deep.yml\n")
    bench.write("roles/r/tasks/deep.yml", "- import_role: {nmae: x}\n")
    text = HEAD + "  tasks:\n    - include_tasks: {file: one.yml}\n      when: false\n"
    text += "    - include_role: {name: r}\n"
    said = problems(bench, text, includes=True)
    for place in ("one.yml:2: ", "two.yml:2: ", "roles/r/tasks/deep.yml:1: "):
        assert place in said
    path = bench.write("play.yml", text)
    with bench.engine() as engine:
        assert engine.list_plays(path)


def test_what_included_files_miss_is_warned_of_by_a_syntax_check(bench: Any) -> None:
    bench.write("one.yml", "- nosuch:\n- include_role: {role: gone}\n- include_tasks: none.yml\n")
    path = bench.write("play.yml", HEAD + "  tasks:\n    - include_tasks: one.yml\n")
    with bench.engine() as engine:
        ((play, _),) = engine.list_plays(path, includes=True)
    found = [text.replace(f"{bench.folder}/", "") for text in play.warnings]
    for text, words in zip(
        found,
        (
            "one.yml:1: the module 'nosuch'",
            "one.yml:2: roles: the role 'gone'",
            "one.yml:3: the file none.yml",
        ),
        strict=True,
    ):
        assert text.startswith(words)
    assert not bench.play(HEAD + "  tasks:\n    - include_tasks: one.yml\n").ok


def test_an_included_file_is_refused_with_all_its_problems(bench: Any) -> None:
    bench.write("one.yml", "- nosuch:\n- debgu: {mesg: x}\n")
    assert not bench.play(HEAD + "  tasks:\n    - include_tasks: one.yml\n").ok
    assert "2 problems in " in bench.recorder.shown
    assert "one.yml:2: the module 'debgu' is not supported" in bench.recorder.shown


def test_roles_are_found_in_the_configured_paths_after_those_of_the_playbook(bench: Any) -> None:
    for folder in ("roles", "far"):
        bench.write(f"{folder}/near/tasks/main.yml", f"- {{name: {folder}, debug: }}\n")
    bench.write("far/other/tasks/main.yml", "- {name: other, debug: }\n")
    paths = SearchPaths(roles=(bench.folder / "far",))
    assert bench.play(HEAD + "  roles: [near, other]\n", paths=paths).ok
    assert bench.order() == ["near : roles", "other : other"]


def test_a_role_beside_the_one_that_depends_on_it_is_found(bench: Any) -> None:
    bench.write("far/one/meta/main.yml", "dependencies: [two]\n")
    bench.write("far/two/tasks/main.yml", "- {name: T, debug: }\n")
    assert bench.play(HEAD + f"  roles: ['{bench.folder}/far/one']\n").ok
    assert bench.order() == ["two : T"]


def test_paths_come_from_the_command_line_the_environment_and_ansible_cfg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nroles_path = here:/abs:~/home  ; a comment\nlibrary=lib\n[ssh_connection]\nx = %d\n"
    )
    tmp_path.chmod(0o755)
    home = Path("~/home").expanduser()
    paths, warnings = load_search_paths({}, {})
    assert (paths.roles, warnings) == ((tmp_path / "here", Path("/abs"), home), [])
    assert paths.modules == (tmp_path / "lib",)
    assert load_search_paths({}, {"ANSIBLE_ROLES_PATH": "env"})[0].roles == (tmp_path / "env",)
    assert load_search_paths({"roles": "given"}, {"ANSIBLE_ROLES_PATH": "env"})[0].roles == (
        tmp_path / "given",
    )
    assert paths.collections == tuple(
        Path(name).expanduser() for name in ("~/.ansible/collections", "/usr/share/ansible/collections")
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "my.cfg").write_text("[defaults]\nroles_path = r\n")
    assert load_search_paths({}, {"ANSIBLE_CONFIG": str(other / "my.cfg")})[0].roles == (other / "r",)
    tmp_path.chmod(0o777)
    paths, warnings = load_search_paths({}, {})
    assert paths.modules != (tmp_path / "lib",)
    assert "is ignored, as every user can write" in warnings[0]


def test_a_broken_ansible_cfg_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ansible.cfg").write_text("roles_path = x\n")
    with pytest.raises(InputError, match=r"ansible.cfg: cannot be read"):
        load_search_paths({}, {})
