"""Long operations on lab clusters, under load and with kills (`make operations`)."""
