"""Rules for tasks of roles: names of stored results, and how kubectl is called."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"


def iterate_tasks(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a file, also those inside blocks."""
    for task in document or []:
        yield task
        for section in ("block", "rescue", "always"):
            yield from iterate_tasks(task.get(section))


def read_tasks(role: Path) -> list[dict[str, Any]]:
    """Return all tasks and handlers of a role."""
    files = [*role.glob("tasks/**/*.yml"), *role.glob("handlers/*.yml")]
    return [
        task for file in files for task in iterate_tasks(yaml.safe_load(file.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir() if (path / "tasks").is_dir()))
def test_no_stored_result_has_the_name_of_a_task_variable(role: str) -> None:
    tasks = read_tasks(ROLES / role)
    facts = [key for task in tasks for key in task.get("ansible.builtin.set_fact", {})]
    stored = {task["register"] for task in tasks if "register" in task} | set(facts)
    variables = {name for task in tasks for name in task.get("vars", {})}

    # A stored result has precedence over `vars` of a task, in the same run from then on.
    assert sorted(stored & variables) == []


@pytest.mark.parametrize(
    "file", sorted(ROLES.glob("*/tasks/**/*.yml")), ids=lambda file: f"{file.parts[-3]}/{file.name}"
)
def test_kubectl_keeps_no_cache_in_the_home_folder(file: Path) -> None:
    # `kprov reset` does not touch home folders; kubectl_command names another cache.
    assert "/kubectl --kubeconfig" not in file.read_text(encoding="utf-8")


TEMPLATES = ROLES.parent / "templates"
COMPONENT_UNITS = sorted(
    path.name for path in TEMPLATES.glob("*.service.j2") if "component.j2" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("unit", COMPONENT_UNITS)
def test_a_component_keeps_the_unit_that_a_rollback_chose(unit: str) -> None:
    tasks = [task for role in ROLES.iterdir() for task in read_tasks(role)]
    installing = [task for task in tasks if unit in str(task.get("ansible.builtin.template", {}).get("src"))]

    assert installing
    assert all("kube_bundle_pinned" in str(task.get("when")) for task in installing)
