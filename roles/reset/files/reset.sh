#!/bin/sh
# Stops every container on this host and removes its network. Prints "changed" if it did something.
set -u
changed=""

if command -v ctr >/dev/null 2>&1 && systemctl is-active --quiet containerd; then
    for task in $(ctr --namespace k8s.io tasks list --quiet); do
        ctr --namespace k8s.io tasks kill --signal SIGKILL --all "$task" >/dev/null 2>&1
        changed=yes
    done
    systemctl stop containerd
fi
for shim in $(pgrep -f '^/[^ ]*/containerd-shim-runc-v2 -namespace k8s.io'); do
    kill -KILL "$shim" && changed=yes
done

# Deepest first: mounts inside a pod's directory are removed before the directory's own mount.
awk '$2 ~ "^/(run/containerd/|var/lib/(kubelet|containerd)/|run/netns/cni-)" {print $2}' /proc/mounts | sort -r |
    while read -r mount; do umount --lazy "$mount"; done
for netns in $(ip netns list | awk '$1 ~ /^cni-/ {print $1}'); do
    ip netns delete "$netns" && changed=yes
done
rm -rf /run/containerd/io.containerd.* /run/containerd/containerd.sock*

if ip link show cni0 >/dev/null 2>&1; then
    ip link delete cni0 && changed=yes
fi
for veth in $(ip -o link show type veth | awk -F'[ @:]+' '$2 ~ /^veth/ {print $2}'); do
    ip link delete "$veth" 2>/dev/null && changed=yes
done
for table in kube-proxy kprov-pod-network; do
    for family in ip ip6 inet; do
        if command -v nft >/dev/null 2>&1 && nft list table "$family" "$table" >/dev/null 2>&1; then
            nft delete table "$family" "$table" && changed=yes
        fi
    done
done
if [ -n "${KPROV_ROUTES:-}" ]; then
    for route in $(ip -4 route show root "$KPROV_ROUTES" | awk '$2 == "via" {print $1}'); do
        ip route delete "$route" && changed=yes
    done
fi
if ip -4 address show dev lo | grep -q "inet ${KPROV_DNS_IP}/"; then
    ip address delete "${KPROV_DNS_IP}/32" dev lo && changed=yes
fi
# The pods' cgroups, which the kubelet makes: a systemd slice or, with the driver cgroupfs, only folders.
if systemctl is-active --quiet kubepods.slice; then
    systemctl stop kubepods.slice && changed=yes
fi
for pods in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
    [ -d "$pods" ] || continue
    find "$pods" -depth -type d -exec rmdir {} + && changed=yes
done
# The saved values include those that other files of the host set.
if [ -f /etc/sysctl.d/99-kprov.before ]; then
    sysctl --quiet --ignore --load=/etc/sysctl.d/99-kprov.before
    changed=yes
fi
[ -z "$changed" ] || echo changed
exit 0
