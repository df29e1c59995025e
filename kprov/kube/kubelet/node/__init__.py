"""The node: its facts, its registration, status and lease in the API, its pressure. `app` calls it."""
