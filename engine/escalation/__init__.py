"""Alerts in the store change here: commands, timers, silences, drills, and Siaga's own alerts.

In: commands of people and due instants. Out: one conditional write with alert, messages, timers, history and audit.
Start with `alert_commands`.
"""
