"""The core: values in, values out.

No module here knows a clock, a store, settings or metrics. `now` is an argument, and every decision returns a named
reason. Start with `judging.group_evaluation` (events to judgements) and `alerting.decide` (commands to decisions).
"""
