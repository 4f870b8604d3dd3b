"""A backup of store and archive as one file, encrypted to a public key."""
