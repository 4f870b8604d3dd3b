"""Rule files: keys of a rule, its conditions and filters, its exceptions, and advice about it.

Start with `rules` (files) and `rule_document` (one rule); each kind of condition has a module.
"""
