"""The command `siaga`: one module per group of commands.

Reads arguments, calls the service or its API, prints. Nothing that another face could want belongs here.
"""
