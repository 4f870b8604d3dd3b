"""What the events mean: conditions over event time, as pure functions from values to values.

Events, rules, windows and absence belong here; alerts, people, texts, storage and clocks do not.
"""
