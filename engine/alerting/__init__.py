"""What becomes of an opening: alerts, policies, the directory, answers and notifications, decided purely.

Every change of an alert passes `decide`. Sending, storing, wording and reading a clock do not belong here.
"""
