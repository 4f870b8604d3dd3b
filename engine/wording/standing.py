"""How the figure of an alert stands to its limit, in one sentence: `3 kejadian dalam 7 hari; ambang 3`.

Here: one sentence for each way in which a condition has a figure. Not here: what else there is to say of an alert
(`wording.account`), what a rule does in general (`wording.sentence`).
"""

from __future__ import annotations

from engine.alerting.alert import Alert
from engine.wording.voice import Voice

MEASURED = ("aggregate", "value")
"""Conditions whose figure is a number that was reported, not a number of reports."""


def standing(alert: Alert, voice: Voice, what: str) -> str:
    """Say how the figure stands; empty where the condition has none. `what` names what is counted."""
    rule, texts, limit = alert.rule, voice.texts, alert.limit
    if limit is None:
        return ""
    within = "" if rule.within is None else texts("why_now.within", within=voice.duration(rule.within))
    facts = {"limit": voice.number(limit), "within": within}
    if alert.sides is not None:
        one, other = (None if side is None else voice.number(side) for side in alert.sides)
        if other is None:
            return texts("why_now.no_reference", now=one, within=within) if one is not None else ""
        key = "why_now.share" if rule.condition == "share" else f"why_now.{rule.relation}"
        figure = "" if alert.figure is None else voice.number(alert.figure)
        return texts(key, figure=figure, one=one, other=other, **facts)
    if alert.figure is None:
        return ""
    if what == "alert":
        return texts("why_now.open", figure=voice.number(alert.figure), **facts)
    if rule.within is None or rule.condition in MEASURED:
        return texts("why_now.figure", figure=voice.number(alert.figure), **facts)
    return texts("why_now.window", count=voice.count(what, alert.figure), **facts)
