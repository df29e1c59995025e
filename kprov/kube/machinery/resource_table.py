"""The built-in resources of Kubernetes 1.36 (GA versions), one line each.

Columns: kind, plural, scope (ns: namespaced), short names, categories, verbs, subresources. Singular is the
kind in lower case. Verbs `*` are all eight, `rw` is get, patch, update. Subresources are
NAME[=GROUP/VERSION/KIND]:VERBS; the default kind is the parent's. A line that starts with + continues the
subresources of the line above.
Source of the facts: the discovery document that upstream publishes with the release.
"""

from __future__ import annotations

TABLE = {
    ("", "v1"): """
        Binding bindings ns - - create
        ComponentStatus componentstatuses cluster cs - get,list
        ConfigMap configmaps ns cm - *
        Endpoints endpoints ns ep - *
        Event events ns ev - *
        LimitRange limitranges ns limits - *
        Namespace namespaces cluster ns - *-deletecollection finalize:update status:rw
        Node nodes cluster no - * proxy=NodeProxyOptions:proxy status:rw
        PersistentVolumeClaim persistentvolumeclaims ns pvc - * status:rw
        PersistentVolume persistentvolumes cluster pv - * status:rw
        Pod pods ns po all *
        + attach=PodAttachOptions:create,get binding=Binding:create ephemeralcontainers:rw
        + eviction=policy/v1/Eviction:create exec=PodExecOptions:create,get log:get
        + portforward=PodPortForwardOptions:create,get proxy=PodProxyOptions:proxy resize:rw status:rw
        PodTemplate podtemplates ns - - *
        ReplicationController replicationcontrollers ns rc all * scale=autoscaling/v1/Scale:rw status:rw
        ResourceQuota resourcequotas ns quota - * status:rw
        Secret secrets ns - - *
        ServiceAccount serviceaccounts ns sa - * token=authentication.k8s.io/v1/TokenRequest:create
        Service services ns svc all * proxy=ServiceProxyOptions:proxy status:rw
    """,
    ("apiregistration.k8s.io", "v1"): """
        APIService apiservices cluster - api-extensions * status:rw
    """,
    ("apps", "v1"): """
        ControllerRevision controllerrevisions ns - - *
        DaemonSet daemonsets ns ds all * status:rw
        Deployment deployments ns deploy all * scale=autoscaling/v1/Scale:rw status:rw
        ReplicaSet replicasets ns rs all * scale=autoscaling/v1/Scale:rw status:rw
        StatefulSet statefulsets ns sts all * scale=autoscaling/v1/Scale:rw status:rw
    """,
    ("events.k8s.io", "v1"): """
        Event events ns ev - *
    """,
    ("authentication.k8s.io", "v1"): """
        SelfSubjectReview selfsubjectreviews cluster - - create
        TokenReview tokenreviews cluster - - create
    """,
    ("authorization.k8s.io", "v1"): """
        LocalSubjectAccessReview localsubjectaccessreviews ns - - create
        SelfSubjectAccessReview selfsubjectaccessreviews cluster - - create
        SelfSubjectRulesReview selfsubjectrulesreviews cluster - - create
        SubjectAccessReview subjectaccessreviews cluster - - create
    """,
    ("autoscaling", "v2"): """
        HorizontalPodAutoscaler horizontalpodautoscalers ns hpa all * status:rw
    """,
    ("autoscaling", "v1"): """
        HorizontalPodAutoscaler horizontalpodautoscalers ns hpa all * status:rw
    """,
    ("batch", "v1"): """
        CronJob cronjobs ns cj all * status:rw
        Job jobs ns - all * status:rw
    """,
    ("certificates.k8s.io", "v1"): """
        CertificateSigningRequest certificatesigningrequests cluster csr - * approval:rw status:rw
    """,
    ("networking.k8s.io", "v1"): """
        IngressClass ingressclasses cluster - - *
        Ingress ingresses ns ing - * status:rw
        IPAddress ipaddresses cluster ip - *
        NetworkPolicy networkpolicies ns netpol - *
        ServiceCIDR servicecidrs cluster - - * status:rw
    """,
    ("policy", "v1"): """
        PodDisruptionBudget poddisruptionbudgets ns pdb - * status:rw
    """,
    ("rbac.authorization.k8s.io", "v1"): """
        ClusterRoleBinding clusterrolebindings cluster - - *
        ClusterRole clusterroles cluster - - *
        RoleBinding rolebindings ns - - *
        Role roles ns - - *
    """,
    ("storage.k8s.io", "v1"): """
        CSIDriver csidrivers cluster - - *
        CSINode csinodes cluster - - *
        CSIStorageCapacity csistoragecapacities ns - - *
        StorageClass storageclasses cluster sc - *
        VolumeAttachment volumeattachments cluster - - * status:rw
        VolumeAttributesClass volumeattributesclasses cluster vac - *
    """,
    ("admissionregistration.k8s.io", "v1"): """
        MutatingAdmissionPolicy mutatingadmissionpolicies cluster - api-extensions *
        MutatingAdmissionPolicyBinding mutatingadmissionpolicybindings cluster - api-extensions *
        MutatingWebhookConfiguration mutatingwebhookconfigurations cluster - api-extensions *
        ValidatingAdmissionPolicy validatingadmissionpolicies cluster - api-extensions * status:rw
        ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cluster - api-extensions *
        ValidatingWebhookConfiguration validatingwebhookconfigurations cluster - api-extensions *
    """,
    ("apiextensions.k8s.io", "v1"): """
        CustomResourceDefinition customresourcedefinitions cluster crd,crds api-extensions * status:rw
    """,
    ("scheduling.k8s.io", "v1"): """
        PriorityClass priorityclasses cluster pc - *
    """,
    ("coordination.k8s.io", "v1"): """
        Lease leases ns - - *
    """,
    ("node.k8s.io", "v1"): """
        RuntimeClass runtimeclasses cluster - - *
    """,
    ("discovery.k8s.io", "v1"): """
        EndpointSlice endpointslices ns - - *
    """,
    ("resource.k8s.io", "v1"): """
        DeviceClass deviceclasses cluster - - *
        ResourceClaim resourceclaims ns - - * status:rw
        ResourceClaimTemplate resourceclaimtemplates ns - - *
        ResourceSlice resourceslices cluster - - *
    """,
    ("flowcontrol.apiserver.k8s.io", "v1"): """
        FlowSchema flowschemas cluster - - * status:rw
        PriorityLevelConfiguration prioritylevelconfigurations cluster - - * status:rw
    """,
}
