"""What is kept: the port that the service sees, its implementations, and the codec of the values.

No meaning lives here: a store compares epochs, versions and cursors, and writes all of a commit or nothing.
"""
