"""What events mean: conditions over event time, as pure functions.

In: a rule, the state of a group, events. Out: a new state and judgements (opened, joined, risen, ended, undone).
Start with `rule` and `condition` for the values, `group_evaluation` for the way of an event, `fold` for late events.
"""
