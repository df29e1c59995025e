"""What /version says of the sources: true where it can be known, empty where not."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from kprov.bundle import sources
from kprov.kube.component_base import build_info
from kprov.kube.component_base.build_info import BuildInfo, read_build_info
from kprov.kube.component_base.build_metric import build_version

UNKNOWN = BuildInfo("", "", "1970-01-01T00:00:00Z")
NOT_ARCHIVED = "$Format:..."


def git(root: Path, *arguments: str, when: str = "2026-01-01T12:00:00Z") -> str:
    who = {
        "GIT_AUTHOR_NAME": "n",
        "GIT_AUTHOR_EMAIL": "e",
        "GIT_COMMITTER_NAME": "n",
        "GIT_COMMITTER_EMAIL": "e",
    }
    environment = os.environ | who | {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one component, committed."""
    folder = tmp_path / "kprov/kube/component_base"
    folder.mkdir(parents=True)
    for file in (folder / "a.py", tmp_path / "kprov/__init__.py", tmp_path / "README"):
        file.write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def folder_of(root: Path) -> Path:
    return root / "kprov/kube/component_base"


def test_build_info_of_a_checkout_is_the_last_commit_of_the_components(checkout: Path) -> None:
    first = git(checkout, "rev-parse", "HEAD")
    (checkout / "README").write_text("not of the components")
    git(checkout, "commit", "-q", "-a", "-m", "second", when="2026-02-02T12:00:00Z")
    (checkout / "README").write_text("nor is this, which is in no commit")
    assert read_build_info(folder_of(checkout), NOT_ARCHIVED) == BuildInfo(
        first, "clean", "2026-01-01T12:00:00Z"
    )


@pytest.mark.parametrize("name", ["a.py", "new.py"])
def test_build_info_of_a_changed_checkout_is_dirty_and_dated_by_the_change(checkout: Path, name: str) -> None:
    file = folder_of(checkout) / name
    file.write_text("changed")
    os.utime(file, (1_800_000_000, 1_800_000_000))
    found = read_build_info(folder_of(checkout), NOT_ARCHIVED)
    assert found == BuildInfo(git(checkout, "rev-parse", "HEAD"), "dirty", "2027-01-15T08:00:00Z")


def test_removed_file_makes_build_info_dirty(checkout: Path) -> None:
    (folder_of(checkout) / "a.py").unlink()
    assert read_build_info(folder_of(checkout), NOT_ARCHIVED).tree_state == "dirty"


def test_build_info_outside_a_repository_is_unknown(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alone = tmp_path_factory.mktemp("alone") / "kprov/kube/component_base"
    # As in a virtual environment within somebody's repository.
    within = checkout / "venv/kprov/kube/component_base"
    for folder in (alone, within):
        folder.mkdir(parents=True)
        (folder / "a.py").write_text("")
        assert read_build_info(folder, NOT_ARCHIVED) == UNKNOWN


def test_build_info_of_an_archive_comes_from_the_module(tmp_path: Path) -> None:
    assert read_build_info(tmp_path, "00ff 1767268800") == BuildInfo(
        "00ff", "archive", "2026-01-01T12:00:00Z"
    )


def test_git_archive_writes_the_commit_into_the_module(tmp_path: Path) -> None:
    root = sources.PACKAGE.parent
    module = Path(build_info.__file__).relative_to(root)
    folder = tmp_path / module.parent
    folder.mkdir(parents=True)
    (tmp_path / ".gitattributes").write_bytes((root / ".gitattributes").read_bytes())
    # Where these tests are themselves of an archive, it stands there already.
    text = (root / module).read_text().replace(build_info._ARCHIVED, "$Format:%H %ct$")
    (tmp_path / module).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "archive", "--output=a.tar", "HEAD")
    subprocess.run(["tar", "-xf", "a.tar", str(module)], cwd=tmp_path, check=True)
    line = next(line for line in (tmp_path / module).read_text().splitlines() if line.startswith("_ARCHIVED"))
    assert line == f'_ARCHIVED: Final = "{git(tmp_path, "rev-parse", "HEAD")} 1767268800"'


def test_build_info_of_a_bundle_comes_from_its_file(checkout: Path) -> None:
    stamp = sources.BUILD_INFO
    assert stamp.name == build_info.FILE
    assert sources.PACKAGE / stamp.parent == Path(build_info.__file__).parent
    said = sources.read_build_info()
    assert BuildInfo(**orjson.loads(said)) == build_info.get_build_info()
    (checkout / "kprov" / stamp).write_text('{"commit": "00ff", "tree_state": "clean", "date": "d"}')
    assert read_build_info(folder_of(checkout), NOT_ARCHIVED) == BuildInfo("00ff", "clean", "d")


def test_version_has_upstreams_fields() -> None:
    found = build_version(BuildInfo("00ff", "clean", "2026-01-01T12:00:00Z"))
    assert list(found) == [
        "major", "minor", "emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor",
        "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform",
    ]  # fmt: skip
    assert (found["gitCommit"], found["gitTreeState"]) == ("00ff", "clean")
    assert found["buildDate"] == "2026-01-01T12:00:00Z"


def test_build_info_needs_the_standard_library_only() -> None:
    # -S: none of what is installed, as where kprov is installed without its extra.
    root = Path(build_info.__file__).parents[3]
    command = [sys.executable, "-S", "-m", build_info.__name__]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert BuildInfo(**orjson.loads(done.stdout)) == build_info.get_build_info()
