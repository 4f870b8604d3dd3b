"""Escalation policies as values: ordered steps, who is named in each, what an acknowledgement needs.

Here: frozen values that `documents` makes and an alert freezes at its opening. Not here: walking the steps
(`core.alerting.escalation`) and resolving targets to people (`core.alerting.directory`). Meaning:
docs/specification/escalation.md#policies.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.judging.instant import HOUR, Millis

Channel = Literal["sms", "email", "webhook"]


class StepTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is named in a step: a role at a level of the alert's region (`at` may be a region code), or one person."""

    role: str = ""
    at: str = "region"
    fallback: Literal["up", "none"] = "up"
    person: str = ""


class StepCondition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold at a step's start; every key given must."""

    level_at_least: int | None = None
    hours: str | None = None
    days: str | None = None
    stages: tuple[str, ...] = ()
    not_resolved: bool = False


class PolicyStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step: recipients, channels (empty: all), the wait until the next, and how many must take it."""

    to: tuple[StepTarget, ...]
    wait: Millis
    channels: tuple[Channel, ...] = ()
    need: int | Literal["one", "all"] = "one"
    inform: tuple[StepTarget, ...] = ()
    when: StepCondition = StepCondition()


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an acknowledgement needs and how long it lasts (`expires` None: for ever); reminders count from it."""

    grade: int = 2
    expires: Millis | None = 12 * HOUR
    remind: tuple[Millis, ...] = ()


class Digest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Levels told only at listed clock times (`HH:MM`, local to the alert's region)."""

    levels: tuple[int, ...] = ()
    at: tuple[str, ...] = ()


class Quiet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hours in which the escalation of these levels neither starts nor steps."""

    hours: str = ""
    levels: tuple[int, ...] = ()


POSKO_NASIONAL = StepTarget(role="posko_nasional", at="nation")


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One policy. `rounds_after_first` further rounds start at step `from_step` (1 is the first)."""

    id: str
    steps: tuple[PolicyStep, ...]
    rounds_after_first: int = 0
    from_step: int = 1
    inform: tuple[StepTarget, ...] = ()
    acknowledge: Acknowledge = Acknowledge()
    quiet: Quiet = Quiet()
    digest: Digest = Digest()
    bypass_subject: bool = True
    on_exhausted: tuple[StepTarget, ...] = (POSKO_NASIONAL,)
