"""Files that change all at once."""

from pathlib import Path

from kprov.kube.kubelet.volumes.atomic_writer import Projection, write


def files(**content: str) -> dict[str, Projection]:
    return {name.replace("__", "/"): Projection(text.encode(), 0o640) for name, text in content.items()}


def test_files_appear_as_links_through_data(tmp_path: Path) -> None:
    assert write(tmp_path, files(a="1", sub__b="2"))
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "sub" / "b").read_text() == "2"
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_the_same_content_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, files(a="1"))
    before = (tmp_path / "..data").readlink()
    assert not write(tmp_path, files(a="1"))
    assert (tmp_path / "..data").readlink() == before


def test_new_content_replaces_all_of_the_old(tmp_path: Path) -> None:
    write(tmp_path, files(a="1", b="2"))
    assert write(tmp_path, files(a="3"))
    assert (tmp_path / "a").read_text() == "3"
    assert not (tmp_path / "b").is_symlink()
    folders = [entry for entry in tmp_path.iterdir() if entry.is_dir() and not entry.is_symlink()]
    assert len(folders) == 1
