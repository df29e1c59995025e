"""Tests are found by the path of what they test: `kprov/A/B.py` has `tests/unit/A/test_B.py`.

More about a module stands in `test_B_SUBJECT.py` or in a folder `B/`. `A/test_A_SUBJECT.py` tests the package A
through several of its modules. layout.yml names what is tested elsewhere.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import yaml

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests/unit"
TABLE = yaml.safe_load((UNIT / "layout.yml").read_text(encoding="utf-8"))
COVERED_BY: dict[str, list[str]] = TABLE["covered_by"]
OTHER_TREES: dict[str, str] = TABLE["other_trees"]
ELSEWHERE: dict[str, str] = TABLE["elsewhere"]


def list_files(folder: Path, pattern: str) -> set[PurePosixPath]:
    return {PurePosixPath(path.relative_to(folder)) for path in folder.rglob(pattern)}


SOURCES = {path for path in list_files(ROOT / "kprov", "*.py") if not path.stem.endswith("_pb2")}
MODULES = {path.with_suffix("") for path in SOURCES if path.name != "__init__.py"}
PACKAGES = {path.parent for path in SOURCES if path.name == "__init__.py"} - {PurePosixPath()}
#: Tests of the whole of kprov/.
OF_THE_WHOLE = {PurePosixPath("test_layout.py"), PurePosixPath("test_names.py")}
TESTS = list_files(UNIT, "test_*.py") - OF_THE_WHOLE


def find_subject(test: PurePosixPath) -> PurePosixPath | None:
    """Return the module or package that a test mirrors by its path."""
    words = test.stem.removeprefix("test_").split("_")
    for count in range(len(words), 0, -1):
        subject = test.parent / "_".join(words[:count])
        if subject in MODULES | PACKAGES:
            return subject
    package = test.parent
    is_of_package = f"{'_'.join(words)}_".startswith(f"{package.name}_")
    return package if package in MODULES or (package in PACKAGES and is_of_package) else None


def find_line(module: PurePosixPath) -> str | None:
    """Return the longest line of the table that covers a module."""
    return next((str(path) for path in (module, *module.parents) if str(path) in COVERED_BY), None)


SUBJECTS = {subject for test in TESTS if (subject := find_subject(test)) is not None}
#: Without a unit test of their own or of their package.
UNTESTED = {module for module in MODULES if SUBJECTS.isdisjoint((module, *module.parents))}


def test_a_unit_test_mirrors_a_module_or_a_package() -> None:
    lost = {str(test) for test in TESTS if find_subject(test) is None and test.parts[0] not in OTHER_TREES}
    assert lost == set(ELSEWHERE), "rename the test after its module or package, as test_layout.py says"


def test_a_test_that_stands_elsewhere_has_a_subject() -> None:
    assert {PurePosixPath(subject) for subject in ELSEWHERE.values()} <= MODULES | PACKAGES


def test_a_module_has_a_unit_test_at_its_path_or_a_line_in_the_table() -> None:
    assert {module for module in UNTESTED if find_line(module) is None} == set(), (
        "add a test, or a line in layout.yml"
    )


def test_a_line_of_the_table_is_for_modules_that_need_it() -> None:
    assert set(COVERED_BY) == {find_line(module) for module in UNTESTED}


def test_a_line_of_the_table_names_tests_that_exist() -> None:
    for line, paths in COVERED_BY.items():
        for path in paths:
            place = ROOT / path
            assert place.is_file() or list(place.rglob("test_*.py")), f"{line}: {path}"


def test_a_folder_of_other_tests_names_what_it_tests() -> None:
    for folder, tree in OTHER_TREES.items():
        assert list((UNIT / folder).glob("test_*.py"))
        assert (ROOT / tree).is_dir()
