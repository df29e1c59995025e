"""Facts of a host: typed views of what the agent's module preflight answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Cgroups(_View):
    version: int = 0
    controllers: list[str] = []


class System(_View):
    """The kernel and the machine. A feature is None if nothing shows whether the kernel has it."""

    kernel: str = ""
    architecture: str = ""
    systemd: bool = True
    container: str = ""
    cpus: int = 0
    memory_mb: int = 0
    swap: list[str] = []
    cgroups: Cgroups = Cgroups()
    features: dict[str, bool | None] = {}
    clock_synchronized: bool | None = None


class Identity(_View):
    """What must differ between hosts; empty if the host does not have it."""

    machine_id: str = ""
    host_name: str = ""
    product_uuid: str = ""
    macs: dict[str, str] = {}


class Listener(_View):
    """A listening socket; pid 0 if no process of the host has it open."""

    protocol: str
    address: str
    port: int
    pid: int = 0
    process: str = ""
    unit: str = ""


class Space(_View):
    """The filesystem of a folder."""

    mount: str
    device: str
    free_mb: int


class InterfaceAddress(_View):
    interface: str
    address: str


class Route(_View):
    destination: str
    interface: str = ""


class ResolvConf(_View):
    nameservers: list[str] = []
    search: list[str] = []


class Network(_View):
    """Addresses, routes, and name servers; `resolved` is what systemd-resolved uses."""

    addresses: list[InterfaceAddress] = []
    routes: list[Route] = []
    mtus: dict[str, int] = {}
    resolv_conf: ResolvConf = ResolvConf()
    resolved: ResolvConf = ResolvConf()


class Unit(_View):
    active: bool
    path: str = ""


class Software(_View):
    """`own`: components whose files kprov wrote; `authority`: the host's CA certificate."""

    own: list[str] = []
    units: dict[str, Unit] = {}
    packages: list[str] = []
    paths: list[str] = []
    ufw_enabled: bool = False
    cni_configs: list[str] = []
    etcd_data: list[str] = []
    authority: str = ""


class HostFacts(_View):
    """What the first message reads."""

    system: System = System()
    identity: Identity = Identity()
    listeners: list[Listener] = []
    space: dict[str, Space] = {}
    network: Network = Network()
    software: Software = Software()


class Fsync(_View):
    """Latencies of small synchronous writes."""

    writes: int
    p50_ms: float
    p99_ms: float


class Site(_View):
    port: int
    resolved: bool
    outcome: str


class Repositories(_View):
    """Package repositories of apt by host, or the proxy in front of them; `apt`: whether the host has it."""

    apt: bool = True
    sites: dict[str, Site] = {}
    proxy: str = ""


class Opened(_View):
    opened: list[int] = []


class HostProbes(_View):
    """What the host tried out; None for what it did not try."""

    fsync: Fsync | None = None
    repositories: Repositories | None = None
    open: Opened = Opened()
    #: Outcome by "ADDRESS:PORT"; "open" for a connection.
    connect: dict[str, str] = {}
    #: Sizes of packets that came back, by address.
    ping: dict[str, list[int]] = {}
