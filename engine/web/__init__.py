"""The faces over HTTP: the API, the answer page of an official, health and metrics.

Translates between HTTP and the service. Only a POST changes anything; no domain rule lives here.
"""
