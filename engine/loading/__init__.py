"""From files to values: rules, policies, tests and the directory, with line and column of every finding.

The meaning of what is loaded belongs in `judging` and `alerting`; nothing is applied or stored from here.
"""
