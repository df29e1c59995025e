"""Encryption at rest: EncryptionConfiguration, the providers' formats, and a Storage that applies them.

Called by app; imports the storage interface. Without --encryption-provider-config none of it is loaded.
"""
