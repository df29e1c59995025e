"""Pods. registry.podspec has the rules of their spec."""
