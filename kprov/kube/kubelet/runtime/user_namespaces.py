"""User namespaces of pods with `hostUsers: false`: which IDs of the host a pod has (pkg/kubelet/userns).

A pod has a range of IDs for itself. The range is written to `userns` in the pod's folder before the runtime
hears of it, so that no other pod gets it after a restart of the kubelet.
"""

import logging
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.component_helpers.directory import Directory
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.volumes.manager import open_pod_folder

log = logging.getLogger(__name__)

#: The reason of pods that this node cannot isolate. Upstream has none: it tries to start them for ever.
REASON: Final = "UserNamespacesNotSupported"
_FILE: Final = "userns"
_ALL_IDS: Final = 1 << 32
_USER: Final = "kubelet"
# The runtime's handlers and what they can do, by name. "" is the default one.
Handlers = Mapping[str, pb.RuntimeHandlerFeatures]


class _Mapping(msgspec.Struct, rename="camel"):
    """A range of IDs (upstream's file format)."""

    host_id: int
    container_id: int
    length: int


class _Mappings(msgspec.Struct, rename="camel"):
    uid_mappings: list[_Mapping] = msgspec.field(name="uidMappings")
    gid_mappings: list[_Mapping] = msgspec.field(name="gidMappings")


class UserNamespaces:
    """`get_handlers()`: what the runtime says of itself, None before it did."""

    def __init__(self, config: KubeletConfiguration, get_handlers: Callable[[], Handlers | None]) -> None:
        self._root = Path(config.root_dir)
        self._length = config.ids_per_pod
        self._get_handlers = get_handlers
        self._first, count = find_range(config)
        self._count = count // self._length
        self._next = 0
        # The first ID of each pod on the host.
        self._used: dict[PodUID, int] = {}

    def recover(self, uids: Iterable[PodUID]) -> None:
        """Read the ranges of the pods that have a folder. ConfigError names a file that is damaged."""
        for uid in uids:
            try:
                self._read(uid)
            except (OSError, ValueError) as error:
                raise ConfigError(f"{self._root}/pods/{uid}/{_FILE}: {error}") from error

    def find_problem(self, pod: Pod, handler: str, *, has_sandbox: bool) -> str | None:
        """Why the pod cannot have its user namespace. None if it can, or if it wants none.

        Raises OSError if the runtime has to be asked first.
        """
        if not wants_namespace(pod):
            return None
        handlers = self._get_handlers()
        if handlers is None:
            raise OSError("the container runtime did not say yet whether it supports user namespaces")
        features = handlers.get(handler)
        if features is None or not features.user_namespaces:
            what = f'RuntimeClass handler "{handler}"' if handler else "runtime"
            return f"can't set `spec.hostUsers: false`, {what} does not support user namespaces"
        if has_sandbox and pod.uid not in self._used:
            return "the pod was started without the user namespace that `spec.hostUsers: false` asks for"
        return None

    def get_or_create(self, pod: Pod, handler: str) -> pb.UserNamespace:
        """Return the user namespace of the pod's sandbox. Raises ContainerConfigError, OSError."""
        if not wants_namespace(pod):
            return pb.UserNamespace(mode=pb.NODE)
        if problem := self.find_problem(pod, handler, has_sandbox=False):
            raise ContainerConfigError(problem)
        if pod.uid not in self._used:
            self._allocate(pod.uid)
        ids = pb.IDMapping(host_id=self._used[pod.uid], container_id=0, length=self._length)
        return pb.UserNamespace(mode=pb.POD, uids=[ids], gids=[ids])

    def release(self, uid: PodUID) -> None:
        """Give the range of a pod whose containers are gone to others."""
        if uid not in self._used:
            return
        try:
            with Directory.open(self._root / "pods" / uid) as folder:
                folder.unlink(_FILE)
        except FileNotFoundError:
            pass
        except OSError as error:
            # With its file the range would come back after a restart, and another pod may have it then.
            log.warning("keeping the user namespace of pod %s: %s", uid, error)
            return
        del self._used[uid]

    def _allocate(self, uid: PodUID) -> None:
        taken = set(self._used.values())
        for step in range(self._count):
            index = (self._next + step) % self._count
            host_id = self._first + index * self._length
            if host_id not in taken:
                self._write(uid, host_id)
                self._used[uid] = host_id
                self._next = index + 1
                return
        raise ContainerConfigError("could not find an empty slot to allocate a user namespace")

    def _write(self, uid: PodUID, host_id: int) -> None:
        ids = [_Mapping(host_id, 0, self._length)]
        with open_pod_folder(self._root, uid) as folder:
            folder.replace_file(_FILE, msgspec.json.encode(_Mappings(ids, ids)), 0o600)

    def _read(self, uid: PodUID) -> None:
        """Raise OSError, ValueError."""
        try:
            with Directory.open(self._root / "pods" / uid) as folder:
                content = folder.read_file(_FILE)
        except (FileNotFoundError, NotADirectoryError):
            return
        mappings = msgspec.json.decode(content, type=_Mappings)
        uids, gids = mappings.uid_mappings, mappings.gid_mappings
        if len(uids) != 1 or uids != gids or uids[0].container_id != 0:
            raise ValueError("expected one range for UIDs and GIDs, with ID 0 of the container")
        host_id, length = uids[0].host_id, uids[0].length
        if length != self._length or host_id % self._length or host_id < self._length:
            text = f"the range {host_id}:{length} does not fit userNamespaces.idsPerPod {self._length}"
            raise ValueError(text)
        if host_id in self._used.values():
            raise ValueError(f"the range {host_id}:{length} belongs to another pod, too")
        self._used[uid] = host_id


def wants_namespace(pod: Pod) -> bool:
    return pod.spec.host_users is False


def find_range(config: KubeletConfiguration) -> tuple[int, int]:
    """(first ID, number of IDs) of all pods: getsubids for the user kubelet, else all but the lowest.

    Raises ConfigError.
    """
    length = config.ids_per_pod
    first, count = length, _ALL_IDS - length
    program = shutil.which("getsubids")
    if program is not None and _has_user():
        first, count = _read_subordinate_ids(program)
    if first % length or count % length or first < length:
        raise ConfigError(
            f"the subordinate IDs {first}:{count} of the user {_USER} must start at a multiple of "
            f"userNamespaces.idsPerPod ({length}), and their number must be one"
        )
    if count // length < config.max_pods:
        raise ConfigError(f"{count} IDs are not enough for {config.max_pods} pods with {length} IDs each")
    return first, count


def _has_user() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True


def _read_subordinate_ids(program: str) -> tuple[int, int]:
    """Return the only range of the user kubelet, which is that of its group, too."""
    texts = []
    for options in ([], ["-g"]):
        done = subprocess.run(
            [program, *options, _USER], capture_output=True, text=True, check=False, timeout=30
        )
        if done.returncode != 0:
            raise ConfigError(f"getsubids {' '.join([*options, _USER])}: {done.stderr.strip()}")
        texts.append(done.stdout.strip())
    if texts[0] != texts[1]:
        raise ConfigError(f'mismatched subuids and subgids for user "{_USER}"')
    # One line: "0: kubelet 65536 7208960".
    words = texts[0].split()
    if len(words) != 4 or not (words[2].isdigit() and words[3].isdigit()):
        raise ConfigError(f"getsubids {_USER}: expected one range, found {texts[0]!r}")
    return int(words[2]), int(words[3])
