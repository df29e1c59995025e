"""What every component has: flags, serving, health, metrics, logs, sd_notify, run loop."""
