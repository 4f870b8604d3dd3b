"""The service by a clock moved by hand: rule tests, policy tests, backtests, what-if and replay.

Start with `simulator` (the service's parts on a memory store) and `suite`.
"""
