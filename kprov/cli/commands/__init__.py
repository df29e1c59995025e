"""The commands of `kprov`, one file each."""
