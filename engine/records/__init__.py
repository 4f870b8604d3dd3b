"""Records of the store that several rooms share, each with its table, its lists and its writes.

No module here loops or decides. Start with `alert_repository` (alerts and what belongs to them) and `runtime_config`
(rules, policies and directory in force).
"""
