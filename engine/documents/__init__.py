"""Files that people write: rules, policies, tests, directory, gateways and tables, from text to values.

In: YAML, CSV or XLSX. Out: values, and every finding with line, column and suggestion in Indonesian and English.
Start with `check` (all files) or `rules.rules` (rule files). No module here asks the store.
"""
