"""docs/preflight.md lists every check and every variable as they are."""

from __future__ import annotations

import re
from pathlib import Path

from kprov.inventory.cluster.variables import ClusterVariables
from kprov.preflight.check_table import CHECKS

PAGE = (Path(__file__).parents[3] / "docs" / "preflight.md").read_text()


def test_the_table_of_checks() -> None:
    section = PAGE.split("## Checks\n")[1].split("How some of them work")[0]
    rows = re.findall(r"^\| `.*$", section, re.MULTILINE)
    assert rows == [f"| `{one.name}` | {one.severity} | {one.summary} | {one.hint} |" for one in CHECKS]


def test_the_table_of_variables_and_their_defaults() -> None:
    listed = {}
    for names, default in re.findall(
        r"^\| (`[^|]+`) \| ([^|]+) \|", PAGE.split("## Variables\n")[1], re.MULTILINE
    ):
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = default.strip("` ")
    fields = {
        name: str(field.default)
        for name, field in ClusterVariables.model_fields.items()
        if name.startswith(("preflight_", "minimal_"))
    }
    assert listed == fields


def test_the_checks_that_also_stop_a_running_cluster() -> None:
    (names,) = re.findall(r"errors as warnings, except those of (.*?)\. If all", PAGE, re.DOTALL)
    assert re.findall(r"`([\w-]+)`", names) == [one.name for one in CHECKS if one.blocks_installed]
