"""The service by a clock moved by hand: replay, rule tests, policy tests and backtests.

Runs the very code of `service`; nothing here may judge, decide or send by itself.
"""
