"""The kubelet's own API on :10250: logs, exec, attach, port forwarding, pods, stats. Called by app."""
