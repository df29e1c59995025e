"""Rules that several components must share: pod resources, taints, affinity, conditions."""
