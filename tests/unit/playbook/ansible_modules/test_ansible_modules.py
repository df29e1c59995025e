"""Modules of library/, collections and ansible-core: how they are found, run, and refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.ansible_modules import ansible_core, finder, payloads
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.model.search_paths import SearchPaths

HEAD = "- hosts: a\n  gather_facts: false\n  tasks:\n"
WANT_JSON = """#!/usr/bin/python
# WANT_JSON
import json, sys
args = json.load(open(sys.argv[1]))
print(json.dumps({"changed": True, "said": args["word"], "name": args["_ansible_module_name"]}))
"""
#: A module as collections have them, with check mode, a diff, and a module_util.
KEEP = """
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.own.things.plugins.module_utils.keeping import read

def main():
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}, "word": {"no_log": True}, "fail": {"type": "bool"}},
        supports_check_mode=True,
    )
    if module.params["fail"]:
        module.fail_json(msg="as you wish")
    before = read(module.params["path"])
    changed = before != module.params["word"]
    if changed and not module.check_mode:
        with open(module.params["path"], "w") as file:
            file.write(module.params["word"])
    module.exit_json(changed=changed, diff={"before": before, "after": "new"} if module._diff else {}, tmp=module.tmpdir)

if __name__ == "__main__":
    main()
"""
READ = """
import os

def read(path):
    return open(path).read() if os.path.exists(path) else ""
"""


def tasks(text: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in text.strip().splitlines())


def refused(bench: Any, text: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        bench.play(tasks(text), **options)
    return str(caught.value)


def collection(bench: Any, folder: str = "collections") -> Path:
    top = f"{folder}/ansible_collections/own/things"
    bench.write(f"{top}/plugins/modules/keep.py", KEEP)
    bench.write(f"{top}/plugins/module_utils/keeping.py", READ)
    return Path(bench.folder / top)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (b"\x7fELF\x00\x01", "binary"),
        (b"from ansible.module_utils.basic import AnsibleModule\n", "ansiballz"),
        (b"import os\nfrom ..module_utils.a import b\n", "ansiballz"),
        (b"from ansible_collections.a.b.plugins.module_utils.c import d\n", "ansiballz"),
        (b"#!powershell\n#AnsibleRequires -CSharpUtil Ansible.Basic\n", "powershell"),
        (b"#!/bin/sh\n: <<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>\n", "jsonargs"),
        (b"#!/bin/sh\n# WANT_JSON\n", "want_json"),
        (b"#!/bin/sh\n. $1\n", "old"),
    ],
)
def test_the_kind_of_a_module_is_what_ansible_takes_it_for(source: bytes, kind: str) -> None:
    assert payloads.detect_kind(source) == kind


def test_a_program_of_the_playbooks_library_gets_its_arguments_in_a_file(bench: Any) -> None:
    bench.write("library/say.py", WANT_JSON)
    text = """
- say: {word: "{{ 'a' ~ 1 }}"}
  register: it
- say: word='two words'
  register: other
- assert: {that: ["it.said == 'a1'", "it.name == 'say'", "it is changed", "other.said == 'two words'"]}
"""
    assert bench.play(tasks(text)).ok


def test_old_modules_get_words_and_binary_ones_json(bench: Any) -> None:
    bench.write(
        "library/old.sh", '#!/bin/sh\n. "$1"\necho "{\\"changed\\": false, \\"said\\": \\"$word\\"}"\n'
    )
    shutil.copy(str(shutil.which("cat")), bench.folder / "library/echoed")
    bench.write("library/inside", "#!/bin/sh\necho '<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>'\n")
    text = """
- old: {word: "it's two"}
  register: old
- echoed: {word: [1, {a: b}]}
  register: echoed
- inside: {word: x}
  register: inside
- assert: {that: ["old.said == \\"it's two\\"", "echoed.word == [1, {'a': 'b'}]", "inside.word == 'x'"]}
"""
    assert bench.play(tasks(text)).ok


def test_a_module_of_a_collection_keeps_check_mode_and_diff(bench: Any) -> None:
    collection(bench)
    task = "- own.things.keep: {path: '{{ out }}/kept', word: secretword}\n  register: it\n"
    assert bench.play(tasks(task), check=True, diff=True).hosts["a"].changed == 1
    assert not (bench.folder / "kept").exists()
    assert '"after": "new"' in bench.recorder.shown
    bench.recorder.shown = ""
    more = task + "- assert: {that: ['not (it.tmp is exists)', 'it.invocation is not defined']}\n"
    assert bench.play(tasks(more)).ok
    assert (bench.folder / "kept").read_text() == "secretword"
    assert "new" not in bench.recorder.shown
    assert "secretword" not in bench.recorder.shown
    assert bench.play(tasks(task)).changed == 0


def test_collections_are_found_by_the_keyword_and_by_configured_paths(bench: Any) -> None:
    collection(bench, "far")
    paths = SearchPaths(collections=(bench.folder / "far",))
    text = "- keep: {path: '{{ out }}/kept', word: a}\n  collections: [own.things]\n"
    assert bench.play(tasks(text), paths=paths).hosts["a"].changed == 1


def test_roles_have_modules_of_one_name_each_its_own(bench: Any) -> None:
    source = (
        "from ansible.module_utils.basic import AnsibleModule\nfrom ansible.module_utils.mine import word\n"
    )
    source += "AnsibleModule(argument_spec={}).exit_json(said=word())\n"
    for role in ("one", "two"):
        bench.write(f"roles/{role}/library/say_word.py", source.replace("word()", f"'{role} ' + word()"))
        bench.write(f"roles/{role}/module_utils/mine.py", "def word():\n    return 'shared'\n")
        bench.write(
            f"roles/{role}/tasks/main.yml",
            f"- say_word:\n  register: it\n- assert: {{that: it.said == '{role} shared'}}\n",
        )
    assert bench.play("- hosts: a\n  gather_facts: false\n  roles: [one, two]\n").ok


def test_a_library_replaces_a_module_but_no_action(bench: Any) -> None:
    for name in ("ping", "copy"):
        bench.write(f"library/{name}.py", WANT_JSON)
    text = """
- ping: {word: x}
  register: own
- ansible.builtin.ping:
  register: builtin
- copy: {dest: "{{ out }}/copied", content: x}
- assert: {that: ["own.said == 'x'", "builtin.ping == 'pong'"]}
"""
    assert bench.play(tasks(text)).ok
    assert (bench.folder / "copied").exists()


def test_modules_of_ansible_core_run_in_loops_and_in_the_background(bench: Any) -> None:
    text = """
- ansible.builtin.tempfile: {path: "{{ out }}", prefix: "{{ item }}"}
  loop: [x., y.]
  register: made
- tempfile: {path: "{{ out }}", prefix: later.}
  async: 60
  poll: 1
  register: later
- action: "{{ m }} path={{ out }}"
  vars: {m: tempfile}
  register: templated
- assert: {that: ["later.path is exists", "made.results | map(attribute='path') | select('exists') | length == 2"]}
- assert: {that: ["'/y.' in made.results[1].path", "templated.path is exists", "made.results[0].mode == '0600'"]}
"""
    assert bench.play(tasks(text)).ok, bench.recorder.shown


def test_failures_of_modules_are_failures_of_tasks(bench: Any) -> None:
    collection(bench)
    bench.write("library/odd", "#!/bin/sh\necho no json; echo why >&2; exit 3\n")
    bench.write("library/chatty", "#!/bin/sh\necho hello\necho '{\"rc\": 2}'\n")
    text = """
- own.things.keep: {path: /tmp/x, fail: true}
  ignore_errors: true
  register: wished
- own.things.keep: {path: /tmp/x, pth: /tmp/x}
  ignore_errors: true
  register: misspelt
- odd:
  ignore_errors: true
  register: odd
- chatty:
  ignore_errors: true
  register: chatty
- assert:
    that:
      - wished.msg == 'as you wish'
      - "'Unsupported parameters' in misspelt.msg"
      - odd is failed and odd.rc == 3 and odd.module_stderr == 'why\\n' and 'odd printed no result' in odd.msg
      - chatty is failed and 'hello' in chatty.warnings[0]
"""
    assert bench.play(tasks(text)).ok, bench.recorder.shown


def test_check_mode_skips_programs_that_know_nothing_of_it(bench: Any) -> None:
    bench.write("library/touch", "#!/bin/sh\ntouch %s/touched\necho '{}'\n" % bench.folder)  # noqa: UP031
    bench.play(tasks("- touch:"), check=True)
    assert bench.outcomes() == {"touch": "skipped"}
    assert not (bench.folder / "touched").exists()


def test_no_log_reaches_the_module_and_hides_its_result(bench: Any) -> None:
    bench.write(
        "library/say.py",
        WANT_JSON.replace('"name": args["_ansible_module_name"]', '"quiet": args["_ansible_no_log"]'),
    )
    text = "- say: {word: hush}\n  no_log: true\n  register: it\n- assert: {that: it.quiet}\n"
    assert bench.play(tasks(text)).ok
    assert "hush" not in bench.recorder.shown


def test_what_cannot_be_run_is_refused_at_load_with_its_place(bench: Any) -> None:
    top = collection(bench)
    bench.write("library/win.ps1", "#!powershell\n")
    bench.write("library/win_thing", "#!powershell\n#Requires -Module Ansible.ModuleUtils.Legacy\n")
    (top / "plugins/action").mkdir()
    (top / "plugins/action/keep.py").write_text("")
    (top / "meta").mkdir()
    (top / "meta/runtime.yml").write_text(
        "plugin_routing: {modules: {gone: {tombstone: {warning_text: Use keep.}}, moved: {redirect: own.things.keep}}}\n"
    )
    said = refused(
        bench,
        "- own.things.gone:\n- own.things.kept:\n- no.such.thing:\n- async_wrapper:\n- tempfiles:",
    )
    lines = [line.split("play.yml:")[1] for line in said.splitlines()[1:]]
    assert [line.split(":")[0] for line in lines] == ["4", "5", "6", "7", "8"]
    for line, words in zip(
        lines,
        (
            "own.things.gone is gone: Use keep.",
            "'own.things.kept' was not found; did you mean own.things.keep?",
            "the collection no.such is not installed: ansible-galaxy collection install no.such",
            "use the keywords async and poll",
            "the module 'tempfiles' is not supported",
        ),
        strict=True,
    ):
        assert words in line


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("win_thing:", "win_thing is for Windows"),
        ("own.things.keep: {path: x}", "own.things.keep has a part that runs on the operator's machine"),
        ("own.things.moved: {path: x}", "own.things.keep has a part that runs on the operator's machine"),
        ("action: '{{ own_word }} path=x'", "own.things.keep has a part that runs on the operator's machine"),
    ],
)
def test_a_module_that_cannot_run_is_warned_of_and_fails_its_task(
    bench: Any, monkeypatch: pytest.MonkeyPatch, task: str, words: str
) -> None:
    monkeypatch.setattr(ansible_core, "is_installed", lambda: False)
    top = collection(bench)
    bench.write("library/win_thing", "#!powershell\n#Requires -Module Ansible.ModuleUtils.Legacy\n")
    (top / "plugins/action").mkdir()
    (top / "plugins/action/keep.py").write_text("")
    (top / "meta").mkdir()
    (top / "meta/runtime.yml").write_text("plugin_routing: {modules: {moved: {redirect: own.things.keep}}}\n")
    result = bench.play(tasks(f"- {task}"), extra_vars={"own_word": "own.things.keep"})
    assert words in result.errors[0]["message"]
    if "own_word" not in task:
        assert "play.yml:4: the module " in bench.recorder.warnings[0]
        assert words in bench.recorder.warnings[0]


def test_without_ansible_core_the_error_says_what_to_install(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ansible_core, "is_installed", lambda: False)
    monkeypatch.setattr(ansible_core, "find_module_file", lambda _: None)
    collection(bench)
    bench.write("library/say.py", WANT_JSON)
    assert bench.play(tasks("- say: {word: x}")).ok
    said = refused(bench, "- git: {repo: x}\n- no.such.thing:\n- apt_key: {url: x}")
    assert said.count("pip install 'ansible-core>=2.19'") == 3
    assert "'apt_key' is not supported; use deb822_repository" in said
    result = bench.play(tasks("- own.things.keep: {path: x}"))
    assert "the module own.things.keep (" in result.errors[0]["message"]
    assert "pip install 'ansible-core>=2.19'" in result.errors[0]["message"]
    assert "'git' is not supported; use get_url or unarchive" in said


def test_short_names_that_ansible_core_redirects_run_the_module_of_the_collection(bench: Any) -> None:
    top = "collections/ansible_collections/community/general"
    bench.write(f"{top}/plugins/modules/timezone.py", WANT_JSON)
    bench.write(f"{top}/meta/runtime.yml", "plugin_routing: {modules: {npm: {redirect: own.js.npm}}}")
    bench.write("collections/ansible_collections/own/js/plugins/modules/npm.py", WANT_JSON)
    result = bench.play(
        tasks(
            """
- timezone: {word: first}
  register: one
- ansible.builtin.npm: {word: second}
  register: two
- assert: {that: [one.said == 'first', two.said == 'second']}
"""
        )
    )
    assert result.ok


def test_a_module_of_a_collection_that_is_not_installed_is_refused_with_what_to_install(bench: Any) -> None:
    paths = SearchPaths(collections=(bench.folder / "none",))
    text = refused(bench, "- postgresql_user: {name: x}", paths=paths)
    assert "the module 'postgresql_user' was not found; the collection community.postgresql is not" in text
    assert "ansible-galaxy collection install community.postgresql" in text


def test_a_circle_of_redirections_is_refused(bench: Any) -> None:
    top = collection(bench)
    (top / "meta").mkdir()
    (top / "meta/runtime.yml").write_text("plugin_routing: {modules: {a: {redirect: own.things.a}}}\n")
    search = ModuleSearch((bench.folder,), SearchPaths())
    with pytest.raises(InputError, match="redirects in a circle"):
        finder.find_module("own.things.a", search)
