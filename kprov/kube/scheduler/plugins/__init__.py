"""The scheduling rules, one file each, under upstream's names. ``profile.py`` lists them."""
