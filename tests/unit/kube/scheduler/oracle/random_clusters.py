"""Random clusters and pods for the oracle: few names and values, so that much collides."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.scheduler.oracle.cluster import Cluster, get_name

_HOSTNAME: Final = "kubernetes.io/hostname"
_ZONE: Final = "topology.kubernetes.io/zone"
_REGION: Final = "topology.kubernetes.io/region"
_BETA_ZONE: Final = "failure-domain.beta.kubernetes.io/zone"
_KEYS: Final = (_HOSTNAME, _ZONE, "rack")
_ZONES: Final = ("a", "b", "c")
_IMAGES: Final = {"web": 400, "db:2": 900, "registry.example.com:5000/tool": 60, "data": 2000}
_DRIVER: Final = "csi.example.com"


class Generator:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.cluster = Cluster()

    def build_cluster(self) -> Cluster:
        self.cluster.namespaces = {"ns": {"team": "x"}, "other": {"team": "y"}, "third": {}}
        self.cluster.nodes = [self._build_node(number) for number in range(self._random.randint(1, 9))]
        self._add_storage()
        for number in range(self._random.randint(0, 16)):
            pod = self.build_pod(f"existing{number}")
            self.cluster.pods.append((pod, get_name(self._random.choice(self.cluster.nodes))))
        return self.cluster

    def _has(self, chance: float) -> bool:
        return self._random.random() < chance

    def _repeat(self, build: Callable[[], JsonObject], most: int) -> list[JsonObject]:
        return [build() for _ in range(self._random.randint(0, most))]

    def _choose(self, *values: str) -> str:
        return self._random.choice(values)

    def _sample(self, values: Sequence[str]) -> list[str]:
        return self._random.sample(values, self._random.randint(1, len(values)))

    # nodes

    def _build_node(self, number: int) -> JsonObject:
        name = f"n{number}"
        labels = {_HOSTNAME: name} if self._has(0.95) else {}
        for key, values in (
            (_ZONE, _ZONES),
            (_BETA_ZONE, _ZONES),
            (_REGION, ("r",)),
            ("rack", ("1", "2", "30")),
        ):
            if self._has(0.2 if key in (_BETA_ZONE, _REGION) else 0.8):
                labels[key] = self._choose(*values)
        allocatable = {
            "cpu": self._choose("0", "1", "2", "2500m", "4"),
            "memory": self._choose("512Mi", "1Gi", "3G", "8Gi"),
            "pods": self._choose("2", "4", "110"),
        }
        if self._has(0.4):
            allocatable["example.com/gpu"] = self._choose("0", "1", "3")
        if self._has(0.4):
            allocatable["hugepages-2Mi"] = "8Mi"
        if self._has(0.7):
            allocatable["ephemeral-storage"] = self._choose("1Gi", "10Gi")
        images = self._random.sample(sorted(_IMAGES), self._random.randint(0, len(_IMAGES)))
        status = {
            "allocatable": allocatable,
            "images": [
                {
                    "names": [each if each.count(":") and each[-1].isdigit() else f"{each}:latest"],
                    "sizeBytes": _IMAGES[each] * 2**20,
                }
                for each in images
            ],
            "declaredFeatures": ["UserNamespacesHostNetworkSupport"] if self._has(0.5) else [],
        }
        spec: JsonObject = {"taints": self._repeat(self._build_taint, 2) if self._has(0.4) else []}
        if self._has(0.15):
            spec["unschedulable"] = True
        return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}

    def _build_taint(self) -> JsonObject:
        effect = self._choose("NoSchedule", "NoExecute", "PreferNoSchedule", "PreferNoSchedule")
        return {"key": self._choose("k1", "k2"), "value": self._choose("", "v"), "effect": effect}

    # storage

    def _add_storage(self) -> None:
        self.cluster.classes = {
            "local": {"provisioner": "kubernetes.io/no-provisioner"},
            "csi": {"provisioner": _DRIVER},
            "zonal": {
                "provisioner": _DRIVER,
                "allowedTopologies": [{"matchLabelExpressions": [{"key": _ZONE, "values": ["a", "b"]}]}],
            },
        }
        for number in range(3):
            self._add_bound_claim(f"bound{number}")
            name = f"free{number}"
            self.cluster.volumes[name] = self._build_volume(name, storageClassName="local")
        for number in range(3):
            self.cluster.claims[f"waiting{number}"] = self._build_claim(
                f"waiting{number}", storageClassName=self._choose("local", "csi", "zonal")
            )
        for node in self.cluster.nodes:
            if self._has(0.5):
                limit = {"allocatable": {"count": self._random.randint(1, 3)}} if self._has(0.8) else {}
                drivers = [{"name": _DRIVER} | limit]
                self.cluster.csi_nodes[get_name(node)] = {"spec": {"drivers": drivers}}
            for name in ("volume0", "volume1", "volume2"):
                if "csi" in self.cluster.volumes[name]["spec"] and self._has(0.15):
                    source = {"persistentVolumeName": name}
                    spec = {"nodeName": get_name(node), "attacher": _DRIVER, "source": source}
                    self.cluster.attachments.append({"spec": spec})

    def _add_bound_claim(self, name: str) -> None:
        volume = name.replace("bound", "volume")
        self.cluster.claims[name] = self._build_claim(name, volumeName=volume, storageClassName="csi")
        reference = {"namespace": "ns", "name": name, "uid": name}
        built = self._build_volume(volume, storageClassName="csi", claimRef=reference)
        if self._has(0.6):
            built["spec"]["csi"] = {"driver": _DRIVER, "volumeHandle": volume}
        for key in (_ZONE, _BETA_ZONE, _REGION):
            if self._has(0.25):
                built["metadata"]["labels"][key] = "__".join(self._sample(_ZONES)) if key != _REGION else "r"
        self.cluster.volumes[volume] = built

    def _build_claim(self, name: str, **spec: str) -> JsonObject:
        mode = self._choose("ReadWriteOnce", "ReadWriteOncePod") if "volumeName" in spec else "ReadWriteOnce"
        annotations = {"pv.kubernetes.io/bind-completed": "yes"} if "volumeName" in spec else {}
        size = self._choose("1Gi", "2Gi", "3Gi")
        return {
            "metadata": {"name": name, "namespace": "ns", "uid": name, "annotations": annotations},
            "spec": spec | {"accessModes": [mode], "resources": {"requests": {"storage": size}}},
            "status": {"phase": "Bound" if "volumeName" in spec else "Pending"},
        }

    def _build_volume(self, name: str, **spec: object) -> JsonObject:
        affinity = {"nodeAffinity": {"required": self._build_selector()}} if self._has(0.5) else {}
        return {
            "metadata": {"name": name, "uid": name, "labels": {}},
            "spec": {
                "capacity": {"storage": self._choose("1Gi", "2Gi", "5Gi")},
                "accessModes": ["ReadWriteOnce", "ReadWriteOncePod"],
            }
            | affinity
            | spec,
            "status": {"phase": "Bound" if "claimRef" in spec else "Available"},
        }

    # pods

    def build_pod(self, name: str) -> JsonObject:
        namespace = self._choose("ns", "ns", "other")
        labels = {key: self._choose("x", "y") for key in ("app", "tier") if self._has(0.7)}
        metadata: JsonObject = {"name": name, "namespace": namespace, "uid": name, "labels": labels}
        if name.startswith("existing") and self._has(0.1):
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        spec: JsonObject = {
            "containers": [self._build_container(f"c{n}") for n in range(self._random.randint(1, 2))],
            "priority": self._random.randint(0, 3),
        }
        if self._has(0.3):
            spec["initContainers"] = [
                self._build_container(f"i{n}") | ({"restartPolicy": "Always"} if self._has(0.5) else {})
                for n in range(self._random.randint(1, 3))
            ]
        if self._has(0.1):
            spec["overhead"] = {"cpu": "100m"}
        if self._has(0.1):
            spec["resources"] = {"requests": {"cpu": "1500m"}}
        if self._has(0.3):
            spec["tolerations"] = self._repeat(self._build_toleration, 2)
        if self._has(0.15):
            spec["nodeSelector"] = {_ZONE: self._choose(*_ZONES)}
        if self._has(0.1):
            spec |= {"hostNetwork": True, "hostUsers": False}
        if self._has(0.4):
            spec["topologySpreadConstraints"] = self._repeat(self._build_constraint, 3)
        spec["affinity"] = self._build_affinity()
        spec["volumes"] = self._repeat(lambda: self._build_pod_volume(namespace), 2) if self._has(0.4) else []
        return {"metadata": metadata, "spec": spec, "status": {}}

    def build_pending_pod(self) -> JsonObject:
        pod = self.build_pod("pending")
        if self._has(0.1):
            names = [get_name(node) for node in self.cluster.nodes]
            field = {"key": "metadata.name", "operator": "In", "values": [self._choose(*names, "missing")]}
            term = {
                "matchFields": [field, *self._random.choices([field | {"values": names}], k=self._has(0.3))]
            }
            required = {"nodeSelectorTerms": [term]}
            suffix = "DuringSchedulingIgnoredDuringExecution"
            pod["spec"]["affinity"]["nodeAffinity"] = {f"required{suffix}": required}
        if self._has(0.03):
            pod["spec"]["nodeName"] = "n1"
        return pod

    def _build_container(self, name: str) -> JsonObject:
        requests = {}
        for resource, chance, values in (
            ("cpu", 0.5, ("100m", "500m", "1", "3")),
            ("memory", 0.5, ("64Mi", "300Mi", "2Gi")),
            ("ephemeral-storage", 0.1, ("500Mi", "2Gi")),
            ("example.com/gpu", 0.1, ("0", "1", "2")),
            ("hugepages-2Mi", 0.1, ("4Mi",)),
        ):
            if self._has(chance):
                requests[resource] = self._choose(*values)
        container: JsonObject = {
            "name": name,
            "image": self._choose(*_IMAGES, "unknown"),
            "resources": {"requests": requests},
        }
        if self._has(0.15):
            port = {"containerPort": 80, "hostPort": self._random.choice((80, 81))}
            container["ports"] = [
                port | ({"hostIP": self._choose("10.0.0.1", "10.0.0.2")} if self._has(0.5) else {})
            ]
            if self._has(0.3):
                container["ports"][0]["protocol"] = "UDP"
        return container

    def _build_toleration(self) -> JsonObject:
        toleration: JsonObject = {"operator": self._choose("Exists", "Equal")}
        if toleration["operator"] == "Equal" or self._has(0.8):
            toleration["key"] = self._choose("k1", "k2", "node.kubernetes.io/unschedulable")
        if toleration["operator"] == "Equal":
            toleration["value"] = self._choose("", "v")
        if self._has(0.5):
            toleration["effect"] = self._choose("NoSchedule", "NoExecute", "PreferNoSchedule")
        return toleration

    def _build_selector(self) -> JsonObject:
        """A NodeSelector."""
        return {"nodeSelectorTerms": [self._build_term(), *self._repeat(self._build_term, 1)]}

    def _build_term(self) -> JsonObject:
        term: JsonObject = {}
        if self._has(0.85):
            term["matchExpressions"] = [self._build_expression(), *self._repeat(self._build_expression, 1)]
        if self._has(0.2):
            names = [get_name(node) for node in self.cluster.nodes] or ["n0"]
            operator = self._choose("In", "In", "NotIn")
            field = {
                "key": "metadata.name",
                "operator": operator,
                "values": [self._choose(*names, "missing")],
            }
            term["matchFields"] = [field]
        return term

    def _build_expression(self) -> JsonObject:
        if self._has(0.15):
            return {"key": "rack", "operator": self._choose("Gt", "Lt"), "values": ["2"]}
        key, values = self._random.choice(((_ZONE, _ZONES), ("rack", ("1", "2"))))
        operator = self._choose("In", "In", "NotIn", "Exists", "DoesNotExist")
        return {"key": key, "operator": operator} | (
            {"values": self._sample(values)} if operator.endswith("In") else {}
        )

    def _build_label_selector(self) -> JsonObject:
        if self._has(0.1):
            return {}
        if self._has(0.3):
            operator = self._choose("In", "NotIn", "Exists", "DoesNotExist")
            values = {"values": ["x"]} if operator.endswith("In") else {}
            return {"matchExpressions": [{"key": "app", "operator": operator} | values]}
        return {"matchLabels": {self._choose("app", "tier"): self._choose("x", "y")}}

    def _build_affinity(self) -> JsonObject:
        affinity: JsonObject = {}
        suffix = "DuringSchedulingIgnoredDuringExecution"
        if self._has(0.2):
            affinity.setdefault("nodeAffinity", {})[f"required{suffix}"] = self._build_selector()
        if self._has(0.3):
            affinity.setdefault("nodeAffinity", {})[f"preferred{suffix}"] = self._repeat(
                lambda: {"weight": self._random.randint(1, 100), "preference": self._build_term()}, 3
            )
        for kind in ("podAffinity", "podAntiAffinity"):
            if self._has(0.15):
                terms = [self._build_pod_term(), *self._repeat(self._build_pod_term, 1)]
                affinity.setdefault(kind, {})[f"required{suffix}"] = terms
            if self._has(0.25):
                affinity.setdefault(kind, {})[f"preferred{suffix}"] = self._repeat(
                    lambda: {
                        "weight": self._random.randint(1, 100),
                        "podAffinityTerm": self._build_pod_term(),
                    },
                    3,
                )
        return affinity

    def _build_pod_term(self) -> JsonObject:
        term: JsonObject = {
            "labelSelector": self._build_label_selector(),
            "topologyKey": self._choose(*_KEYS),
        }
        if self._has(0.2):
            term["namespaces"] = self._sample(("ns", "other"))
        if self._has(0.2):
            term["namespaceSelector"] = (
                {"matchLabels": {"team": self._choose("x", "y")}} if self._has(0.6) else {}
            )
        return term

    def _build_constraint(self) -> JsonObject:
        when = self._choose("DoNotSchedule", "ScheduleAnyway")
        constraint: JsonObject = {
            "maxSkew": self._random.randint(1, 2),
            "topologyKey": self._choose(*_KEYS),
            "whenUnsatisfiable": when,
            "labelSelector": self._build_label_selector(),
        }
        if when == "DoNotSchedule" and self._has(0.2):
            constraint["minDomains"] = self._random.randint(1, 4)
        if self._has(0.2):
            constraint["nodeAffinityPolicy"] = self._choose("Honor", "Ignore")
        if self._has(0.3):
            constraint["nodeTaintsPolicy"] = self._choose("Honor", "Ignore")
        if self._has(0.2):
            constraint["matchLabelKeys"] = ["tier"]
        return constraint

    def _build_pod_volume(self, namespace: str) -> JsonObject:
        read_only = self._has(0.5)
        kinds: list[JsonObject] = [
            {"iscsi": {"iqn": self._choose("iqn.a", "iqn.b"), "readOnly": read_only}},
            {"rbd": {"image": "i", "monitors": self._sample(("m1", "m2")), "readOnly": read_only}},
            {"image": {"reference": self._choose(*_IMAGES)}},
            {"emptyDir": {}},
        ]
        if namespace == "ns":
            claims = sorted(self.cluster.claims)
            kinds += [{"persistentVolumeClaim": {"claimName": self._choose(*claims)}} for _ in range(4)]
        return {"name": f"v{self._random.random()}"} | self._random.choice(kinds)
