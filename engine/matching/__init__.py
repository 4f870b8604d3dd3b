"""Which rules does one event satisfy: two matchers of single events, and the one that compares them.

Anything about more than one event (windows, order, absence) belongs in `judging`.
"""
