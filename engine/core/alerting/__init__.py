"""What becomes of an opening: alerts, policies, the directory, answers and notifications, decided purely.

In: an alert or none, a command, `now`. Out: the changed alert, notifications, history, the next due instant, a reason.
Start with `decide`; `answer` holds the status table, `escalation` the walk through a policy.
"""
