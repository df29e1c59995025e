"""Where kprov's own files are, in a wheel and in a checkout."""

from pathlib import Path

from kprov.content import locations
from kprov.content.locations import find_content


def test_content_of_a_checkout_is_at_its_top(tmp_path: Path) -> None:
    package = tmp_path / "kprov/content"
    package.mkdir(parents=True)
    assert find_content(package) == tmp_path


def test_content_of_a_wheel_is_in_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages/kprov/content"
    (package / "playbooks").mkdir(parents=True)
    # Another package's folder of that name, or that of a repository around the environment.
    (tmp_path / "site-packages/playbooks").mkdir()
    assert find_content(package) == package


def test_content_has_what_kprov_runs() -> None:
    assert (locations.PLAYBOOKS / "cluster.yml").is_file()
    assert (locations.ROLES / "etcd/tasks/main.yml").is_file()
    assert (locations.CONTENT / "templates").is_dir()
