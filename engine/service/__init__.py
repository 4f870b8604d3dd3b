"""The loops of a running Siaga: intake, evaluator, dispatcher, escalator and auditor, and `app`, which wires them.

They fetch, call a pure decision, and commit. What is decided belongs in `judging` and `alerting`.
"""
