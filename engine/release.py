"""Which release of Siaga this is; `pyproject.toml` says the same.

Here: the number alone, for what is written today and read by another release. Not here: versions of rules
(`loading.version`), stored values (`store.codec`) or files, which change apart from it.
"""

RELEASE = "0.1.0"
