"""Owns KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): the fields of the file, and its loading.

`options.py` loads the file, and `plugins/registry.py` reads the arguments of plugins. Profiles, arguments and
extenders are in `kprov.contract.scheduler`. May import nothing of the scheduler.
"""
