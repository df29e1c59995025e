"""apt on the host: what is installed and available, and apt's programs."""
