"""The files that `vars_files` names."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError

PLAY = "- hosts: a\n  gather_facts: false\n  vars_files: [v.yml]\n  tasks: [{debug: }]\n"


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "5\n"])
def test_a_file_of_variables_that_is_no_mapping_is_named(bench: Any, text: str) -> None:
    bench.write("v.yml", text)
    with pytest.raises(InputError, match=r"v.yml:1: must be a mapping of variables"):
        bench.play(PLAY)


@pytest.mark.parametrize("text", ["", "---\n", "{}\n"])
def test_a_file_without_variables_is_accepted(bench: Any, text: str) -> None:
    bench.write("v.yml", text)
    assert bench.play(PLAY).ok


def test_an_undefined_variable_in_a_name_is_reported_with_the_place_of_the_play(bench: Any) -> None:
    play = PLAY.replace("[v.yml]", "['{{ nope }}.yml']")
    with pytest.raises(InputError, match=r"play\.yml:1: vars_files: 'nope' is undefined") as caught:
        bench.play(play)
    assert caught.value.exit_code == 2
