"""Security contexts as Docker's options."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.translation.security import (
    make_common_options,
    make_security_options,
    make_user,
    refuse_unsupported,
)

Profile = pb.SecurityProfile
Context = pb.LinuxContainerSecurityContext


@pytest.mark.parametrize(
    ("context", "options"),
    [
        (Context(), ["seccomp=unconfined"]),
        (Context(seccomp=Profile(profile_type=Profile.RuntimeDefault)), []),
        (Context(seccomp=Profile(profile_type=Profile.Unconfined)), ["seccomp=unconfined"]),
        (Context(apparmor=Profile(profile_type=Profile.RuntimeDefault)), ["seccomp=unconfined"]),
        (
            Context(apparmor=Profile(profile_type=Profile.Unconfined)),
            ["seccomp=unconfined", "apparmor=unconfined"],
        ),
        (
            Context(apparmor=Profile(profile_type=Profile.Localhost, localhost_ref="localhost/mine")),
            ["seccomp=unconfined", "apparmor=mine"],
        ),
        (Context(no_new_privs=True), ["seccomp=unconfined", "no-new-privileges"]),
    ],
)
def test_security_options(context: Context, options: list[str]) -> None:
    assert make_security_options(context) == options


def test_a_seccomp_profile_travels_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    seccomp = Profile(profile_type=Profile.Localhost, localhost_ref=str(file))
    assert make_security_options(Context(seccomp=seccomp)) == ['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}']
    file.unlink()
    with pytest.raises(RpcError, match=r"seccomp profile .*profile\.json: .*No such file") as error:
        make_security_options(Context(seccomp=seccomp))
    assert error.value.code is Code.INVALID_ARGUMENT


def test_users() -> None:
    assert make_user(Context()) == ""
    assert make_user(Context(run_as_user=pb.Int64Value(value=0))) == "0"
    user, group = pb.Int64Value(value=4), pb.Int64Value(value=0)
    assert make_user(Context(run_as_user=user, run_as_group=group)) == "4:0"
    assert make_user(Context(run_as_username="web", run_as_group=group)) == "web:0"
    assert make_user(pb.LinuxSandboxSecurityContext(run_as_user=user)) == "4"
    with pytest.raises(RpcError, match="runAsGroup is specified without a runAsUser"):
        make_user(Context(run_as_group=group))


def test_what_sandboxes_and_containers_share() -> None:
    context = pb.LinuxSandboxSecurityContext(
        privileged=True, readonly_rootfs=True, supplemental_groups=[7, 8]
    )
    assert make_common_options(context) == {
        "Privileged": True,
        "ReadonlyRootfs": True,
        "GroupAdd": ["7", "8"],
        "SecurityOpt": ["seccomp=unconfined"],
    }


@pytest.mark.parametrize(
    ("context", "text"),
    [
        (
            Context(
                namespace_options=pb.NamespaceOption(userns_options=pb.UserNamespace(mode=pb.POD)),
            ),
            "user namespaces are not supported",
        ),
        (Context(supplemental_groups_policy=pb.Strict), "supplementalGroupsPolicy Strict is not supported"),
        (Context(capabilities=pb.Capability(add_ambient_capabilities=["X"])), "ambient capabilities"),
    ],
)
def test_what_docker_cannot_do_is_refused(context: Context, text: str) -> None:
    with pytest.raises(RpcError, match=text) as error:
        refuse_unsupported(context)
    assert error.value.code is Code.INVALID_ARGUMENT


def test_the_user_namespace_of_the_node_is_accepted() -> None:
    options = pb.NamespaceOption(userns_options=pb.UserNamespace(mode=pb.NODE))
    refuse_unsupported(Context(namespace_options=options))
