"""Controllers of volumes: binding claims to volumes, protection of used ones, claims of ephemeral volumes."""
