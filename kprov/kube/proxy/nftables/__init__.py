"""The nftables table: its fixed part, the rules of each service, transactions, the kernel's own table.

Functions from values to text and back. `kernel` runs the text, `proxier` decides what to write.
"""
