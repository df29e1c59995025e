"""Columns of server-side tables, one line each: NAME | TYPE | PRIORITY | DESCRIPTION.

A description "@TYPE.FIELD" is that field's text in the OpenAPI definitions (TYPE without its io.k8s.api prefix).
Only `-o wide` shows priority 1. NAME and AGE are the columns that nearly every kind has.
Source of the facts: pkg/printers/internalversion of upstream.
"""

# ruff: noqa: E501 (a line is one column; descriptions are upstream's)
from __future__ import annotations

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_CONTAINERS = "Containers | string | 1 | Names of each container in the template."
_IMAGES = "Images | string | 1 | Images referenced by each container in the template."

#: By (group, kind). The Name and Age lines carry format "name" and the creationTimestamp's description.
COLUMNS: dict[tuple[str, str], str] = {
    ("", "Pod"): """
        NAME
        Ready | string | 0 | The aggregate readiness state of this pod for accepting traffic.
        Status | string | 0 | The aggregate status of the containers in this pod.
        Restarts | string | 0 | The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.
        AGE
        IP | string | 1 | @core.v1.PodStatus.podIP
        Node | string | 1 | @core.v1.PodSpec.nodeName
        Nominated Node | string | 1 | @core.v1.PodStatus.nominatedNodeName
        Readiness Gates | string | 1 | @core.v1.PodSpec.readinessGates
    """,
    ("", "PodTemplate"): """
        NAME
        Containers | string | 0 | Names of each container in the template.
        Images | string | 0 | Images referenced by each container in the template.
        Pod Labels | string | 0 | The labels for the pod template.
    """,
    ("policy", "PodDisruptionBudget"): """
        NAME
        Min Available | string | 0 | The minimum number of pods that must be available.
        Max Unavailable | string | 0 | The maximum number of pods that may be unavailable.
        Allowed Disruptions | integer | 0 | Calculated number of pods that may be disrupted at this time.
        AGE
    """,
    ("", "ReplicationController"): f"""
        NAME
        Desired | integer | 0 | @core.v1.ReplicationControllerSpec.replicas
        Current | integer | 0 | @core.v1.ReplicationControllerStatus.replicas
        Ready | integer | 0 | @core.v1.ReplicationControllerStatus.readyReplicas
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @core.v1.ReplicationControllerSpec.selector
    """,
    ("apps", "ReplicaSet"): f"""
        NAME
        Desired | integer | 0 | @apps.v1.ReplicaSetSpec.replicas
        Current | integer | 0 | @apps.v1.ReplicaSetStatus.replicas
        Ready | integer | 0 | @apps.v1.ReplicaSetStatus.readyReplicas
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @apps.v1.ReplicaSetSpec.selector
    """,
    ("apps", "DaemonSet"): f"""
        NAME
        Desired | integer | 0 | @apps.v1.DaemonSetStatus.desiredNumberScheduled
        Current | integer | 0 | @apps.v1.DaemonSetStatus.currentNumberScheduled
        Ready | integer | 0 | @apps.v1.DaemonSetStatus.numberReady
        Up-to-date | integer | 0 | @apps.v1.DaemonSetStatus.updatedNumberScheduled
        Available | integer | 0 | @apps.v1.DaemonSetStatus.numberAvailable
        Node Selector | string | 0 | @core.v1.PodSpec.nodeSelector
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @apps.v1.DaemonSetSpec.selector
    """,
    ("apps", "Deployment"): f"""
        NAME
        Ready | string | 0 | Number of the pod with ready state
        Up-to-date | string | 0 | @apps.v1.DeploymentStatus.updatedReplicas
        Available | string | 0 | @apps.v1.DeploymentStatus.availableReplicas
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @apps.v1.DeploymentSpec.selector
    """,
    ("apps", "StatefulSet"): f"""
        NAME
        Ready | string | 0 | Number of the pod with ready state
        AGE
        {_CONTAINERS}
        {_IMAGES}
    """,
    ("apps", "ControllerRevision"): """
        NAME
        Controller | string | 0 | Controller of the object
        Revision | string | 0 | @apps.v1.ControllerRevision.revision
        AGE
    """,
    ("batch", "Job"): f"""
        NAME
        Status | string | 0 | Status of the job.
        Completions | string | 0 | @batch.v1.JobStatus.succeeded
        Duration | string | 0 | Time required to complete the job.
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @batch.v1.JobSpec.selector
    """,
    ("batch", "CronJob"): f"""
        NAME
        Schedule | string | 0 | @batch.v1.CronJobSpec.schedule
        Timezone | string | 0 | @batch.v1.CronJobSpec.timeZone
        Suspend | boolean | 0 | @batch.v1.CronJobSpec.suspend
        Active | integer | 0 | @batch.v1.CronJobStatus.active
        Last Schedule | string | 0 | @batch.v1.CronJobStatus.lastScheduleTime
        AGE
        {_CONTAINERS}
        {_IMAGES}
        Selector | string | 1 | @batch.v1.JobSpec.selector
    """,
    ("", "Service"): """
        NAME
        Type | string | 0 | @core.v1.ServiceSpec.type
        Cluster-IP | string | 0 | @core.v1.ServiceSpec.clusterIP
        External-IP | string | 0 | @core.v1.ServiceSpec.externalIPs
        Port(s) | string | 0 | @core.v1.ServiceSpec.ports
        AGE
        Selector | string | 1 | @core.v1.ServiceSpec.selector
    """,
    ("networking.k8s.io", "Ingress"): """
        NAME
        Class | string | 0 | The name of the IngressClass resource that should be used for additional configuration
        Hosts | string | 0 | Hosts that incoming requests are matched against before the ingress rule
        Address | string | 0 | Address is a list containing ingress points for the load-balancer
        Ports | string | 0 | Ports of TLS configurations that open
        AGE
    """,
    ("networking.k8s.io", "IngressClass"): """
        NAME
        Controller | string | 0 | Controller that is responsible for handling this class
        Parameters | string | 0 | A reference to a resource with additional parameters
        AGE
    """,
    ("networking.k8s.io", "NetworkPolicy"): """
        NAME
        Pod-Selector | string | 0 | @networking.v1.NetworkPolicySpec.podSelector
        AGE
    """,
    ("networking.k8s.io", "ServiceCIDR"): """
        NAME
        CIDRs | string | 0 | @networking.v1.ServiceCIDRSpec.cidrs
        AGE
    """,
    ("networking.k8s.io", "IPAddress"): """
        NAME
        ParentRef | string | 0 | @networking.v1.IPAddressSpec.parentRef
    """,
    ("", "Endpoints"): """
        NAME
        Endpoints | string | 0 | @core.v1.Endpoints.subsets
        AGE
    """,
    ("discovery.k8s.io", "EndpointSlice"): """
        NAME
        AddressType | string | 0 | @discovery.v1.EndpointSlice.addressType
        Ports | string | 0 | @discovery.v1.EndpointSlice.ports
        Endpoints | string | 0 | @discovery.v1.EndpointSlice.endpoints
        AGE
    """,
    ("", "Node"): """
        NAME
        Status | string | 0 | The status of the node
        Roles | string | 0 | The roles of the node
        AGE
        Version | string | 0 | @core.v1.NodeSystemInfo.kubeletVersion
        Internal-IP | string | 1 | @core.v1.NodeStatus.addresses
        External-IP | string | 1 | @core.v1.NodeStatus.addresses
        OS-Image | string | 1 | @core.v1.NodeSystemInfo.osImage
        Kernel-Version | string | 1 | @core.v1.NodeSystemInfo.kernelVersion
        Container-Runtime | string | 1 | @core.v1.NodeSystemInfo.containerRuntimeVersion
    """,
    ("", "Event"): """
        Last Seen | string | 0 | @core.v1.Event.lastTimestamp
        Type | string | 0 | @core.v1.Event.type
        Reason | string | 0 | @core.v1.Event.reason
        Object | string | 0 | @core.v1.Event.involvedObject
        Subobject | string | 1 | @core.v1.ObjectReference.fieldPath
        Source | string | 1 | @core.v1.Event.source
        Message | string | 0 | @core.v1.Event.message
        First Seen | string | 1 | @core.v1.Event.firstTimestamp
        Count | string | 1 | @core.v1.Event.count
        NAME 1
    """,
    ("", "Namespace"): """
        NAME
        Status | string | 0 | The status of the namespace
        AGE
    """,
    ("", "Secret"): """
        NAME
        Type | string | 0 | @core.v1.Secret.type
        Data | string | 0 | @core.v1.Secret.data
        AGE
    """,
    ("", "ConfigMap"): """
        NAME
        Data | string | 0 | @core.v1.ConfigMap.data
        AGE
    """,
    ("", "ServiceAccount"): """
        NAME
        AGE
    """,
    ("", "ComponentStatus"): """
        NAME
        Status | string | 0 | Status of the component conditions
        Message | string | 0 | Message of the component conditions
        Error | string | 0 | Error of the component conditions
    """,
    ("", "ResourceQuota"): """
        NAME
        Request | string | 0 | Request represents a minimum amount of cpu/memory that a container may consume.
        Limit | string | 0 | Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.
        AGE
    """,
    ("", "PersistentVolume"): """
        NAME
        Capacity | string | 0 | @core.v1.PersistentVolumeSpec.capacity
        Access Modes | string | 0 | @core.v1.PersistentVolumeSpec.accessModes
        Reclaim Policy | string | 0 | @core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy
        Status | string | 0 | @core.v1.PersistentVolumeStatus.phase
        Claim | string | 0 | @core.v1.PersistentVolumeSpec.claimRef
        StorageClass | string | 0 | StorageClass of the pv
        VolumeAttributesClass | string | 0 | VolumeAttributesClass of the pv
        Reason | string | 0 | @core.v1.PersistentVolumeStatus.reason
        AGE
        VolumeMode | string | 1 | @core.v1.PersistentVolumeSpec.volumeMode
    """,
    ("", "PersistentVolumeClaim"): """
        NAME
        Status | string | 0 | @core.v1.PersistentVolumeClaimStatus.phase
        Volume | string | 0 | @core.v1.PersistentVolumeClaimSpec.volumeName
        Capacity | string | 0 | @core.v1.PersistentVolumeClaimStatus.capacity
        Access Modes | string | 0 | @core.v1.PersistentVolumeClaimStatus.accessModes
        StorageClass | string | 0 | StorageClass of the pvc
        VolumeAttributesClass | string | 0 | VolumeAttributesClass of the pvc
        AGE
        VolumeMode | string | 1 | @core.v1.PersistentVolumeClaimSpec.volumeMode
    """,
    ("autoscaling", "HorizontalPodAutoscaler"): """
        NAME
        Reference | string | 0 | @autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef
        Targets | string | 0 | @autoscaling.v2.HorizontalPodAutoscalerSpec.metrics
        MinPods | string | 0 | @autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas
        MaxPods | string | 0 | @autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas
        Replicas | string | 0 | @autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas
        AGE
    """,
    ("rbac.authorization.k8s.io", "RoleBinding"): """
        NAME
        Role | string | 0 | RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.
        AGE
        Users | string | 1 | Users in the roleBinding
        Groups | string | 1 | Groups in the roleBinding
        ServiceAccounts | string | 1 | ServiceAccounts in the roleBinding
    """,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): """
        NAME
        Role | string | 0 | RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.
        AGE
        Users | string | 1 | Users in the clusterRoleBinding
        Groups | string | 1 | Groups in the clusterRoleBinding
        ServiceAccounts | string | 1 | ServiceAccounts in the clusterRoleBinding
    """,
    ("certificates.k8s.io", "CertificateSigningRequest"): """
        NAME
        AGE
        SignerName | string | 0 | @certificates.v1.CertificateSigningRequestSpec.signerName
        Requestor | string | 0 | Base64-encoded PKCS#10 CSR data
        RequestedDuration | string | 0 | @certificates.v1.CertificateSigningRequestSpec.expirationSeconds
        Condition | string | 0 | Conditions applied to the request, such as approval or denial.
    """,
    ("coordination.k8s.io", "Lease"): """
        NAME
        Holder | string | 0 | @coordination.v1.LeaseSpec.holderIdentity
        AGE
    """,
    ("storage.k8s.io", "StorageClass"): """
        NAME
        Provisioner | string | 0 | @storage.v1.StorageClass.provisioner
        ReclaimPolicy | string | 0 | @storage.v1.StorageClass.reclaimPolicy
        VolumeBindingMode | string | 0 | @storage.v1.StorageClass.volumeBindingMode
        AllowVolumeExpansion | string | 0 | @storage.v1.StorageClass.allowVolumeExpansion
        AGE
    """,
    ("storage.k8s.io", "VolumeAttributesClass"): """
        NAME
        DriverName | string | 0 | @storage.v1.VolumeAttributesClass.driverName
        AGE
    """,
    ("storage.k8s.io", "VolumeAttachment"): """
        NAME
        Attacher | string:name | 0 | @storage.v1.VolumeAttachmentSpec.attacher
        PV | string | 0 | @storage.v1.VolumeAttachmentSource.persistentVolumeName
        Node | string | 0 | @storage.v1.VolumeAttachmentSpec.nodeName
        Attached | boolean | 0 | @storage.v1.VolumeAttachmentStatus.attached
        AGE
    """,
    ("storage.k8s.io", "CSINode"): """
        NAME
        Drivers | integer | 0 | Drivers indicates the number of CSI drivers registered on the node
        AGE
    """,
    ("storage.k8s.io", "CSIDriver"): """
        NAME
        AttachRequired | boolean | 0 | @storage.v1.CSIDriverSpec.attachRequired
        PodInfoOnMount | boolean | 0 | @storage.v1.CSIDriverSpec.podInfoOnMount
        StorageCapacity | boolean | 0 | @storage.v1.CSIDriverSpec.storageCapacity
        TokenRequests | string | 0 | @storage.v1.CSIDriverSpec.tokenRequests
        RequiresRepublish | boolean | 0 | @storage.v1.CSIDriverSpec.requiresRepublish
        Modes | string | 0 | @storage.v1.CSIDriverSpec.volumeLifecycleModes
        AGE
    """,
    ("scheduling.k8s.io", "PriorityClass"): """
        NAME
        Value | integer | 0 | @scheduling.v1.PriorityClass.value
        Global-Default | boolean | 0 | @scheduling.v1.PriorityClass.globalDefault
        AGE
        PreemptionPolicy | string | 0 | @scheduling.v1.PriorityClass.preemptionPolicy
    """,
    ("node.k8s.io", "RuntimeClass"): """
        NAME
        Handler | string | 0 |
        AGE
    """,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): """
        NAME
        Webhooks | integer | 0 | Webhooks indicates the number of webhooks registered in this configuration
        AGE
    """,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): """
        NAME
        Webhooks | integer | 0 | Webhooks indicates the number of webhooks registered in this configuration
        AGE
    """,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): """
        NAME
        Validations | integer | 0 | Validations indicates the number of validation rules defined in this configuration
        ParamKind | string | 0 | ParamKind specifies the kind of resources used to parameterize this policy
        AGE
    """,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): """
        NAME
        Mutations | integer | 0 | Mutation indicates the number of mutations rules defined in this configuration
        ParamKind | string | 0 | ParamKind specifies the kind of resources used to parameterize this policy
        AGE
    """,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): """
        NAME
        PolicyName | string | 0 | PolicyName indicates the policy definition which the policy binding binded to
        ParamRef | string | 0 | ParamRef indicates the param resource which sets the configuration param
        AGE
    """,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): """
        NAME
        PolicyName | string | 0 | PolicyName indicates the policy definition which the policy binding binded to
        ParamRef | string | 0 | ParamRef indicates the param resource which sets the configuration param
        AGE
    """,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): """
        NAME
        PriorityLevel | string | 0 | @flowcontrol.v1.PriorityLevelConfigurationReference.name
        MatchingPrecedence | string | 0 | @flowcontrol.v1.FlowSchemaSpec.matchingPrecedence
        DistinguisherMethod | string | 0 | @flowcontrol.v1.FlowSchemaSpec.distinguisherMethod
        AGE
        MissingPL | string | 0 | references a broken or non-existent PriorityLevelConfiguration
    """,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): """
        NAME
        Type | string | 0 | @flowcontrol.v1.PriorityLevelConfigurationSpec.type
        NominalConcurrencyShares | string | 0 | @flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares
        Queues | string | 0 | @flowcontrol.v1.QueuingConfiguration.queues
        HandSize | string | 0 | @flowcontrol.v1.QueuingConfiguration.handSize
        QueueLengthLimit | string | 0 | @flowcontrol.v1.QueuingConfiguration.queueLengthLimit
        AGE
    """,
    ("autoscaling", "Scale"): f"""
        Name | string | 0 | @{META}.ObjectMeta.name
        Desired | integer | 0 | @autoscaling.v1.ScaleSpec.replicas
        Available | integer | 0 | @autoscaling.v1.ScaleStatus.replicas
        AGE
    """,
    ("resource.k8s.io", "DeviceClass"): """
        NAME
        AGE
    """,
    ("resource.k8s.io", "ResourceClaim"): """
        NAME
        State | string | 0 | A summary of the current state (allocated, pending, reserved, etc.).
        AGE
    """,
    ("resource.k8s.io", "ResourceClaimTemplate"): """
        NAME
        AGE
    """,
    ("resource.k8s.io", "ResourceSlice"): """
        NAME
        Node | string | 0 | @resource.v1.ResourceSliceSpec.nodeName
        Driver | string | 0 | @resource.v1.ResourceSliceSpec.driver
        Pool | string | 0 | @resource.v1.ResourcePool.name
        AGE
    """,
    ("apiregistration.k8s.io", "APIService"): """
        NAME
        Service | string | 0 | The reference to the service that hosts this API endpoint.
        Available | string | 0 | Whether this service is available.
        AGE
    """,
}
