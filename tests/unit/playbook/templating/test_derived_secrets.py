"""What filters make of vault values is shown nowhere: output, diffs, report and journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kprov.cli.output import report
from kprov.cli.output.callback_pair import CallbackPair
from kprov.inventory import secrets
from kprov.inventory.vault import keyring, vault_format
from kprov.inventory.vault.keyring import Keyring, Password
from kprov.playbook.results.run_result import RunOptions
from kprov.playbook.running.engine import Engine
from kprov.playbook.templating.filters.filter_table import ALL_FILTERS
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar

WORD = 's3cret\'s "wörd" & more/Ten'


@pytest.fixture(autouse=True)
def _vault() -> Iterator[None]:
    keyring.use_keyring(Keyring([Password("default", b"the-password")]))
    yield
    keyring.use_keyring(None)
    secrets.forget()


def rendered(expression: str, **variables: Any) -> Any:
    templar = Templar()
    layers = [Layer({"word": WORD, **variables}, raw=True)]
    return templar.render("{{ " + expression + " }}", Scope(templar, layers))


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in leaves(one)]
    return [text for one in value for text in leaves(one)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize(
    "expression",
    [
        "word | b64encode",
        "('user:' ~ word) | b64encode",
        "('user:' ~ word) | b64encode | b64encode",
        "word | hash('sha256')",
        "word | sha1",
        "word | md5",
        "word | checksum",
        "word | password_hash('sha512')",
        "word | to_uuid",
        "word | quote",
        "word | urlencode",
        "word | to_json",
        "word | to_yaml",
        "word | regex_escape",
        'word | replace("\'", "\'\'")',
        "word | ansible.builtin.regex_replace('[^a-z]', '_')",
        "word | upper",
        "word | reverse",
        "word | e",
        "word | truncate(9, true, '')",
        "word | split(' ')",
        "word | regex_search('[a-z0-9]+')",
        "[word] | map('b64encode') | list",
        "{'password': word} | to_json | b64encode",
    ],
)
def test_a_derived_value_is_hidden_as_a_whole(expression: str) -> None:
    secrets.register(WORD)
    for text in leaves(rendered(expression)):
        if len(text.strip("'\"\n ")) >= secrets.SHORTEST:
            assert secrets.scrub(text).strip("'\"\n ") == secrets.MASK, text


@pytest.mark.parametrize(
    "expression",
    [
        "{'user': 'anna', 'password': word} | to_nice_json",
        "{'user': 'anna', 'password': word} | to_json(ensure_ascii=false)",
        "{'user': 'anna', 'password': word} | to_nice_yaml",
        "('login anna ' ~ word) | quote",
        "('https://anna@' ~ word) | urlencode",
        "{'user': 'anna', 'q': word} | urlencode",
        "('anna ' ~ word) | replace(\"'\", \"''\")",
    ],
)
def test_in_a_text_the_secret_is_hidden_as_it_is_written_there(expression: str) -> None:
    secrets.register(WORD)
    shown = secrets.scrub(rendered(expression))
    assert "anna" in shown
    assert secrets.MASK in shown
    assert "s3cret" not in shown
    assert "more" not in shown


def test_derived_values_without_a_secret_are_not_masked() -> None:
    secrets.register(WORD)
    for expression in ("'public' | b64encode", "[word, 'public'] | last", "{'a': 'public'} | to_json"):
        assert secrets.MASK not in secrets.scrub(str(rendered(expression)))
    document = json.dumps({"user": "anna", "password": WORD})
    assert rendered("document | from_json", document=document)["user"] == "anna"
    assert secrets.scrub("anna") == "anna"


def test_a_long_secret_is_hidden_where_yaml_folds_it() -> None:
    phrase = " ".join(f"correcthorse{number}" for number in range(12))
    secrets.register(phrase)
    shown = secrets.scrub(rendered("{'deep': {'deeper': phrase}} | to_nice_yaml", phrase=phrase))
    assert "correcthorse" not in shown


def test_every_named_filter_is_there() -> None:
    from kprov.playbook.templating import derived_secrets

    named = derived_secrets._OPAQUE | derived_secrets._FORMS | derived_secrets._PARTS
    assert named <= set(ALL_FILTERS)


def test_no_derived_value_reaches_output_diff_report_and_journal(bench: Any) -> None:
    bench.write("v.yml", vault_format.encrypt(f"word: {json.dumps(WORD)}\n".encode(), b"the-password"))
    path = bench.write(
        "play.yml",
        "- hosts: a\n  gather_facts: false\n  vars_files: [v.yml]\n  tasks:\n"
        "    - set_fact: {made: \"{{ ('anna:' ~ word) | b64encode }}\"}\n"
        "    - debug: {var: made}\n"
        "    - command: \"echo {{ made }} {{ word | hash('sha1') }} {{ word | quote }}\"\n"
        "    - copy: {dest: '{{ out }}/f', content: \"auth={{ made }}\\n\"}\n",
    )
    recorder = report.Recorder()
    options = RunOptions(diff=True, verbosity=3, journal=bench.folder / "journal")
    with Engine(bench.engine().inventory, options, CallbackPair(bench.recorder, recorder)) as engine:
        result = engine.run(path)
    assert result.ok
    report.write_report(bench.folder / "report.json", recorder, result, check=False)
    made = (bench.folder / "f").read_text().removeprefix("auth=").strip()
    shown = secrets.scrub(bench.recorder.shown)
    journal = "".join(one.read_text() for one in (bench.folder / "journal").glob("*.jsonl"))
    for text in (shown, (bench.folder / "report.json").read_text(), journal):
        assert made not in text
        assert "s3cret" not in text
    assert made in bench.recorder.shown
