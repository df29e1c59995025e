"""Rules that several components share: pod resources, pod conditions, taints, resolv.conf, processes."""
