"""Images of an export: found in archives and folders, copied by skopeo, stored as a registry stores them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kprov.bundle.images import Entry, pack_image
from kprov.errors import InputError, KprovError
from kprov.offline.image_sources import copy_image, find_sources
from kprov.offline.references import parse_reference
from kprov.offline.registry_storage import add_image

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")


def docker_archive(file: Path, *tags: str) -> Path:
    entries = [Entry("hello", 0o755, b"hello")]
    file.write_bytes(pack_image(list(tags), entries, architecture="amd64", config={"Cmd": ["/hello"]}))
    return file


def test_a_docker_archive_names_its_images(tmp_path: Path) -> None:
    file = docker_archive(tmp_path / "a.tar", "quay.io/team/app:1", "app:2")
    assert [(str(one.reference), one.place) for one in find_sources(str(file))] == [
        ("quay.io/team/app:1", f"docker-archive:{file}:quay.io/team/app:1"),
        ("docker.io/library/app:2", f"docker-archive:{file}:app:2"),
    ]


def test_an_argument_names_the_image_of_a_file(tmp_path: Path) -> None:
    file = docker_archive(tmp_path / "a.tar", "app:2")
    (one,) = find_sources(f"example.com/app:3={file}")
    assert (str(one.reference), one.place) == ("example.com/app:3", f"docker-archive:{file}:app:2")


def test_a_layout_names_its_images_by_annotations(tmp_path: Path) -> None:
    manifests = [
        {"annotations": {"org.opencontainers.image.ref.name": "example.com/app:1"}},
        {
            "annotations": {
                "io.containerd.image.name": "example.com/app:2",
                "org.opencontainers.image.ref.name": "2",
            }
        },
    ]
    (tmp_path / "index.json").write_text(json.dumps({"manifests": manifests}))
    assert [(str(one.reference), one.place) for one in find_sources(str(tmp_path))] == [
        ("example.com/app:1", f"oci:{tmp_path}:example.com/app:1"),
        ("example.com/app:2", f"oci:{tmp_path}:2"),
    ]


def test_a_name_is_pulled_from_its_registry() -> None:
    (one,) = find_sources("nginx:1.25")
    assert one.place == "docker://docker.io/library/nginx:1.25"


def test_images_that_cannot_be_exported_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "folder").mkdir()
    several = docker_archive(tmp_path / "several.tar", "a:1", "a:2")
    unnamed = docker_archive(tmp_path / "unnamed.tar")
    for given, message in (
        (f"{tmp_path}/nothing", f"{tmp_path}/nothing does not exist"),
        (f"a=b={tmp_path}", "does not exist"),
        (f"{tmp_path}/text", "is no archive of images"),
        (f"{tmp_path}/folder", "is not an OCI layout: it has no index.json"),
        (f"x={several}", "has 2 images; a name fits only one"),
        (str(unnamed), f"the image has no full name: use --image NAME={unnamed}"),
    ):
        with pytest.raises(InputError, match=message) as error:
            find_sources(given)
        assert error.value.field == "--image"


@needs_skopeo
def test_an_image_is_stored_under_its_digests(tmp_path: Path) -> None:
    (source,) = find_sources(str(docker_archive(tmp_path / "a.tar", "quay.io/team/app:1")))
    copy_image(source, tmp_path / "copied", arch="x86_64")
    digest = add_image(tmp_path / "copied", tmp_path / "storage", source.reference)
    root = tmp_path / "storage/docker/registry/v2"
    repository = root / "repositories/quay.io/team/app"
    assert (repository / "_manifests/tags/1/current/link").read_text() == f"sha256:{digest}"
    manifest = json.loads((root / "blobs/sha256" / digest[:2] / digest / "data").read_bytes())
    for descriptor in (manifest["config"], *manifest["layers"]):
        name = descriptor["digest"].removeprefix("sha256:")
        content = (root / "blobs/sha256" / name[:2] / name / "data").read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (name, descriptor["size"])
        assert (repository / "_layers/sha256" / name / "link").read_text() == f"sha256:{name}"


@needs_skopeo
def test_a_list_of_several_architectures_keeps_its_digest(tmp_path: Path) -> None:
    """What `name@sha256:...` of a list needs: the list itself, and the manifests that it names."""
    archive = docker_archive(tmp_path / "a.tar", "app:1")
    command = [
        "skopeo",
        "copy",
        "-q",
        "--insecure-policy",
        f"docker-archive:{archive}",
        f"dir:{tmp_path}/one",
    ]
    subprocess.run(command, check=True, capture_output=True)
    content = (tmp_path / "one/manifest.json").read_bytes()
    inner = hashlib.sha256(content).hexdigest()
    (tmp_path / "one/manifest.json").rename(tmp_path / f"one/{inner}.manifest.json")
    outer = json.dumps({"manifests": [{"digest": f"sha256:{inner}"}]}).encode()
    (tmp_path / "one/manifest.json").write_bytes(outer)
    reference = parse_reference(f"app@sha256:{hashlib.sha256(outer).hexdigest()}")
    digest = add_image(tmp_path / "one", tmp_path / "storage", reference)
    revisions = tmp_path / "storage/docker/registry/v2/repositories/docker.io/library/app/_manifests"
    assert {one.name for one in (revisions / "revisions/sha256").iterdir()} == {inner, digest}
    assert not (revisions / "tags").exists()


@needs_skopeo
def test_an_image_that_no_registry_has_is_an_error(tmp_path: Path) -> None:
    (source,) = find_sources("localhost:1/nothing:1")
    with pytest.raises(KprovError, match=r"cannot copy image localhost:1/nothing:1: .*connection refused"):
        copy_image(source, tmp_path / "copied", arch="x86_64")
