"""What is in a bundle, and that the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from kprov.bundle import archive, bytecode, images, libraries, sources, store
from kprov.bundle.build import build_bundle, list_bundles
from kprov.bundle.components import list_programs, render_launcher
from kprov.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


#: Components that no role installs yet.
NOT_INSTALLED = ("cri_docker",)


def test_there_is_a_launcher_for_every_component_and_for_nothing_else() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "Component layers")
    assert {*list_programs().values(), *NOT_INSTALLED} == set(layers[0].split(" | "))
    for folder in list_programs().values():
        assert (ROOT / "kprov/kube" / folder / "__init__.py").is_file()


def test_units_start_only_programs_of_the_bundle() -> None:
    units = "".join(path.read_text() for path in (ROOT / "templates").glob("*.service.j2"))
    for name in list_programs():
        assert f"ExecStart={{{{ bin_dir }}}}/{name} " in units


def test_a_launcher_runs_its_component_from_the_tree_behind_the_link(tmp_path: Path) -> None:
    import subprocess

    tree = tmp_path / "bundles/abc"
    package = tree / "lib/kprov/kube/proxy"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import sys; print(__name__, sys.path[0], *sys.argv[1:])")
    (tree / "bin").mkdir()
    script = tree / "bin/kube-proxy"
    script.write_text(render_launcher("kube-proxy", HERE))
    (tmp_path / "current").symlink_to("bundles/abc")
    # Where the interpreter is differs from host to host; all else of the script is as it is there.
    command = [sys.executable, "-IS", str(tmp_path / "current/bin/kube-proxy"), "--v=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__main__", str(tree / "lib"), "--v=2"]


def test_the_components_sources_travel_without_the_provisioner() -> None:
    files = {str(file) for file in sources.list_files()}
    assert "kube/__init__.py" in files
    assert {"contract/__init__.py", "contract/scheduler/__init__.py"} <= files
    assert {file.split("/")[0] for file in files} == {"__init__.py", "contract", "kube"}
    assert not [file for file in files if file.startswith("contract/components")]
    assert not [file for file in files if "__pycache__" in file]


def test_the_digest_of_sources_follows_names_and_contents(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "kube", tmp_path / "contract"):
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
    module = tmp_path / "kube/a.py"
    module.write_text("a = 1")
    before = sources.sources_digest(tmp_path)
    module.write_text("a = 2")
    changed = sources.sources_digest(tmp_path)
    module.rename(tmp_path / "kube/b.py")
    assert len({before, changed, sources.sources_digest(tmp_path)}) == 3


def test_pruning_leaves_one_release_of_definitions_and_what_is_imported(tmp_path: Path) -> None:
    schemas = "kubernetes_validate/kubernetes-json-schema"
    kept = {
        f"{schemas}/{libraries.RELEASE}-local/_definitions.json", "thing/__init__.py", "thing/_c.so",
        "thing-1.dist-info/METADATA", "thing-1.dist-info/licenses/LICENSE",
        "cel_expr_python/ext/ext_strings.cpython-311-x86_64-linux-gnu.so",
    }  # fmt: skip
    gone = {
        f"{schemas}/v1.20.0-local/_definitions.json", f"{schemas}/{libraries.RELEASE}-local/pod.json",
        "kubernetes_validate/__init__.py", "thing/tests/test_a.py", "thing/_c.pyx", "thing/__init__.pyi",
        "thing-1.dist-info/RECORD", "bin/thing",
        "cel_expr_python/ext/ext_math.cpython-311-x86_64-linux-gnu.so",
    }  # fmt: skip
    for name in kept | gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    libraries.prune_libraries(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_an_image_is_an_archive_that_containerd_takes() -> None:
    entries = [images.Entry("pause", 0o755, b"program")]
    packed = images.pack_image(
        ["kprov.io/pause:1"], entries, architecture="amd64", config={"Entrypoint": ["/pause"]}
    )
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        content = {member.name: tar.extractfile(member) for member in tar}
        (manifest,) = json.loads(content["manifest.json"].read())  # type: ignore[union-attr]
        config_bytes = content[manifest["Config"]].read()  # type: ignore[union-attr]
        layer = content[manifest["Layers"][0]].read()  # type: ignore[union-attr]
    assert manifest["RepoTags"] == ["kprov.io/pause:1"]
    assert manifest["Config"] == f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    assert json.loads(config_bytes)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert [(member.name, member.mode, member.uid) for member in tar] == [("pause", 0o755, 0)]
    assert packed == images.pack_image(
        ["kprov.io/pause:1"], entries, architecture="amd64", config={"Entrypoint": ["/pause"]}
    )


def test_the_probe_has_a_shell_a_web_server_and_a_client() -> None:
    links = {entry.path: entry.link for entry in images.probe_entries(b"busybox")}
    for program in ("sh", "httpd", "wget", "nslookup", "hostname", "sleep", "cat", "test"):
        assert links[f"bin/{program}"] == "busybox"


def test_archives_of_one_tree_are_equal_whatever_the_times(tmp_path: Path) -> None:
    packed = []
    for number in (1, 2):
        tree = tmp_path / str(number)
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/a").write_text("#!/bin/sh\n")
        (tree / "bin/a").chmod(0o755 if number == 1 else 0o700)
        archive.pack_tree(tree, tmp_path / f"{number}.tar.gz")
        packed.append((tmp_path / f"{number}.tar.gz").read_bytes())
    assert packed[0] == packed[1]


def test_modules_are_compiled_so_that_a_start_looks_at_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert bytecode.compile_tree(tmp_path, HERE)
    (compiled,) = tmp_path.glob("__pycache__/a.*.pyc")
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 0b01  # hash-based, unchecked: PEP 552
    assert not bytecode.compile_tree(tmp_path, "2.7")


def test_an_interrupted_build_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        (target / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.ensure_folder(tmp_path / "place", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("python", "arch"), [("3.8", "x86_64"), ("3.13", "vax")])
def test_hosts_that_cannot_run_components_are_refused(python: str, arch: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not"):
        build_bundle(python=python, arch=arch, cache=tmp_path)


def test_the_listing_has_bundles_and_nothing_else(tmp_path: Path) -> None:
    for name in (
        "kprov-bundle-3.13-x86_64-00ff.tar.gz",
        ".kprov-bundle-3.13-x86_64-00fe.tar.gz.new",
        "other.tar.gz",
    ):
        (tmp_path / name).write_text("x")
    assert [(one.python, one.arch, one.digest, one.size) for one in list_bundles(tmp_path)] == [
        ("3.13", "x86_64", "00ff", 1)
    ]
