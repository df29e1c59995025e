"""ImageService."""

from __future__ import annotations

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from tests.cri.cri_docker_program import Runtime
from tests.cri.docker_engine import make_busybox_archive
from tests.cri.image_registry import start_registry


async def test_an_image_by_name_and_by_identifier(cri: CriClient, runtime: Runtime) -> None:
    image = await cri.image_status(runtime.image)
    assert image is not None
    assert runtime.image in image.repo_tags
    assert image.size > 100_000
    assert await cri.image_status(image.id) == image


async def test_a_missing_image_is_no_error(cri: CriClient) -> None:
    assert await cri.image_status("kprov.test/missing:1") is None
    await cri.remove_image("kprov.test/missing:1")


async def test_images_are_listed(cri: CriClient, runtime: Runtime) -> None:
    images = await cri.list_images()
    assert runtime.image in {tag for image in images for tag in image.repo_tags}
    request = pb.ListImagesRequest(filter=pb.ImageFilter(image=pb.ImageSpec(image=runtime.image)))
    answer = await cri._call("ListImages", request, pb.ListImagesResponse)
    assert [list(image.repo_tags) for image in answer.images] == [[runtime.image]]


async def test_removing_an_image_removes_all_its_tags(cri: CriClient, runtime: Runtime) -> None:
    engine = runtime.engine
    if engine is None:
        pytest.skip("not our engine")
    engine.import_image("kprov.test/first:1", b"\0" * 10240, ["/x"])
    engine.request("POST", "/images/kprov.test/first:1/tag?repo=kprov.test/second&tag=2")
    image = await cri.image_status("kprov.test/first:1")
    assert image is not None
    assert sorted(image.repo_tags) == ["kprov.test/first:1", "kprov.test/second:2"]
    await cri.remove_image(image.id)
    assert await cri.image_status("kprov.test/second:2") is None


async def test_a_pull_that_fails_says_why(cri: CriClient) -> None:
    with pytest.raises(RuntimeFailure, match=r"127\.0\.0\.1:1"):
        await cri.pull_image("127.0.0.1:1/missing:1", None, pb.PodSandboxConfig())


async def test_a_pull_with_credentials(cri: CriClient, runtime: Runtime) -> None:
    if runtime.engine is None:
        pytest.skip("another runtime may not take plain HTTP")
    with start_registry(make_busybox_archive()) as registry:
        tag, digest = f"{registry.name}:1", f"{registry.name}@{registry.digest}"
        sandbox = pb.PodSandboxConfig()
        with pytest.raises(RuntimeFailure, match="no basic auth credentials"):
            await cri.pull_image(tag, None, sandbox)
        wrong = pb.AuthConfig(username=registry.user, password="other")
        with pytest.raises(RuntimeFailure, match=r"unauthorized|401"):
            await cri.pull_image(tag, wrong, sandbox)
        auth = pb.AuthConfig(username=registry.user, password=registry.password)
        assert await cri.pull_image(tag, auth, sandbox) == f"docker-pullable://{digest}"
        image = await cri.image_status(tag)
        assert image is not None
        assert (list(image.repo_tags), list(image.repo_digests)) == ([tag], [digest])
        assert (image.uid.value, image.username) == (1234, "")
        assert await cri.image_status(f"docker-pullable://{digest}") == image
        await cri.remove_image(image.id)
        assert await cri.image_status(tag) is None
        assert await cri.pull_image(digest, auth, sandbox) == f"docker-pullable://{digest}"
        await cri.remove_image(digest)
        assert await cri.image_status(image.id) is None
        with pytest.raises(RuntimeFailure, match=r"manifest unknown|not found"):
            await cri.pull_image(f"{registry.name}:missing", auth, sandbox)


async def test_the_file_system_of_images(cri: CriClient) -> None:
    answer = await cri._call("ImageFsInfo", pb.ImageFsInfoRequest(), pb.ImageFsInfoResponse)
    assert answer.image_filesystems[0].fs_id.mountpoint.startswith("/")
    assert answer.image_filesystems[0].used_bytes.value > 100_000
