"""Credentials that tests act with where it does not matter whose they are."""

from engine.core.alerting.credential import Credential

OPERATOR = Credential("os", "operator")
"""An account of the machine."""
DUTY_DESK = Credential("user", "piket")
"""A user of the console."""
