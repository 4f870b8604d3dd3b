"""The faces over HTTP: the API, the answer page, the console, health and metrics.

Start with `app`. Each resource of the API has a module in `api`, each page a module in `console`.
"""
