"""Hiding: alerts of one rule that nobody is told of while one of another rule is open around them.

Here: which rule hides an alert, as a pure function of what is open (rule-language.md 2). Not here: what hidden means
for the steps (`alerting.escalation`) and who looks again when the other one closes (`service.escalator`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.judging.region import NATION, lineage

Standing = Collection[tuple[str, str]]
"""Rule and region of alerts that are unresolved."""


def hider(hide_while: Iterable[str], region: str, standing: Standing) -> str:
    """Return the first of these rules that has an alert on the region, its parent or the nation; empty: none has."""
    around = (*lineage(region)[:2], NATION)
    return next((rule for rule in hide_while if any((rule, one) in standing for one in around)), "")
