"""The settings of budgets: how many messages persons, regencies and gateways get (escalation.md 7.2).

Here: the section and its defaults, as text. Not here: what a budget does (`core.alerting.budget`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from engine.settings_section import Section, listed


def _written(value: object) -> object:
    """Write `{at_most: 5, within: 15m}` as `5/15m`, the form that the environment and the command line have."""
    if isinstance(value, Mapping) and {"at_most", "within"} <= value.keys() <= {
        "at_most",
        "within",
        "smooth",
    }:
        smooth = " smooth" if str(value.get("smooth", "")).lower() in ("true", "yes", "on") else ""
        return f"{value['at_most']}/{value['within']}{smooth}"
    return value


Allowance = Annotated[
    str,
    BeforeValidator(_written),
    Field(pattern=r"^[1-9][0-9]{0,6}/([0-9]+(ms|s|m|h|d|w))+( smooth)?$", max_length=40),
]
"""At most so many messages in any stretch of so long: `5/15m`, or `{at_most: 5, within: 15m, smooth: true}`."""
Allowances = Annotated[tuple[Allowance, ...], BeforeValidator(listed)]


class PersonBudgets(Section):
    """What one person gets, by channel; what is beyond waits and comes as one digest. Awas is never held."""

    sms: Allowances = ("5/15m", "11/1h", "21/3h")
    """At most so many SMS."""
    email: Allowances = ("20/1h",)
    """At most so many e-mails."""


class RegionBudgets(Section):
    """What goes out about one regency, by channel. Awas is never held."""

    sms: Allowances = ("60/10m",)
    """At most so many SMS."""
    email: Allowances = ("200/10m",)
    """At most so many e-mails."""


class GatewayBudgets(Section):
    """What a channel's gateways take; awas goes first, then regions in turn."""

    sms: Allowances = ("600/1m",)
    """At most so many SMS."""
    email: Allowances = ()
    """At most so many e-mails; none: as many as there are."""


class AwasBudgets(Section):
    """What one phone gets of awas one by one; what is beyond comes as a digest with its count and places."""

    sms: Allowances = ("5/10m",)
    """At most so many SMS."""
    digest_every: str = Field(default="2m", pattern=r"^([0-9]+(ms|s|m|h|d|w))+$", max_length=40)
    """At most one digest in so long."""


class BudgetSection(Section):
    """How many messages go out; `5/15m` means at most 5 in any 15 minutes."""

    person: PersonBudgets = PersonBudgets()
    region: RegionBudgets = RegionBudgets()
    gateway: GatewayBudgets = GatewayBudgets()
    awas: AwasBudgets = AwasBudgets()
    awas_reserve: str = Field(default="20%", pattern=r"^[0-9]{1,2}%$")
    """Share of a gateway's rate that is kept for awas, such as 20%."""
