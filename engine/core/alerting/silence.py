"""Silences and inhibition: which alerts are kept quiet, from when until when, by whom and why.

Specification: docs/specification/rules.md#hiding, docs/specification/escalation.md#silences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from engine.core.alerting.alert import Alert, NoticeKind
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.region import NATION, RegionTable, cut, level_of, lies_in, lineage

OpenAround = Collection[tuple[str, str]]
"""Rule and region of alerts that are unresolved."""


def inhibiting_rule(hide_while: Iterable[str], region: str, standing: OpenAround) -> str:
    """Return the first of these rules that has an alert on the region, its parent or the nation; empty: none has."""
    around = (*lineage(region)[:2], NATION)
    return next((rule for rule in hide_while if any((rule, one) in standing for one in around)), "")


LONGEST: Millis = 7 * DAY
"""A silence lasts at most this long."""
KEPT_QUIET: frozenset[NoticeKind] = frozenset(
    ("first", "step", "reminder", "expiry", "digest", "unreachable")
)
"""Kinds that do not go out while a silence covers the alert; how a matter ended is told all the same."""


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which alerts are meant: every key that is given must hold, with any of its values.

    A text that ends in `*` stands for all that begin so; `region` holds for what lies in it, too. `kind` and `incident`
    are those of any event of the evidence; `level` is the level now (1-4).
    """

    region: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    level: tuple[int, ...] = ()
    kind: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    incident: tuple[str, ...] = ()

    def meets(self, alert: Alert) -> bool:
        """Say whether the alert is meant."""
        evidence = alert.evidence
        return (
            (not self.region or any(_fits(p, alert.region) or lies_in(alert.region, p) for p in self.region))
            and (not self.level or alert.level in self.level)
            and _any_fits(self.rule, [alert.rule.id])
            and _any_fits(self.policy, [alert.policy.id])
            and _any_fits(self.kind, [e.kind for e in evidence])
            and _any_fits(self.incident, [e.incident for e in evidence if e.incident is not None])
        )


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody is told of the alerts of `match` in [since, until). Awas is covered only with `include_awas`.

    `reason` is free text. `author` and `ended_by` are the credentials that made it and ended it before its time;
    `approved_by` that of the second person, where it needed one.
    """

    id: str
    match: Match
    since: Instant
    until: Instant
    reason: str
    author: str
    include_awas: bool = False
    ended_by: str = ""
    approved_by: str = ""

    def concerns(self, alert: Alert) -> bool:
        """Say whether it covers the alert while it lasts."""
        return (self.include_awas or alert.level < AWAS) and self.match.meets(alert)


class SilenceWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A silence that somebody wants; `since` None: from the instant on at which it is made."""

    match: Match
    until: Instant
    reason: str
    since: Instant | None = None
    include_awas: bool = False


Wide = Literal["covers_awas", "covers_province"]
"""Why a silence needs a second person."""


def width_of(match: Match, regions: RegionTable, *, include_awas: bool) -> Wide | None:
    """Say why a silence needs a second person: it covers awas, or a whole province or more; None where neither holds.

    A pattern counts as all of the region in which everything lies that it may stand for. Regencies that are listed one
    by one cover a province where none is left out.
    """
    if include_awas and (not match.level or AWAS in match.level):
        return "covers_awas"
    if not match.region or any(level_of(root_of(one)) in ("nation", "province") for one in match.region):
        return "covers_province"
    left: dict[str, bool] = {}
    for region in regions:
        province = cut(region.code, "province")
        if province is not None and level_of(region.code) == "regency":
            covered = any(_fits(p, region.code) or lies_in(region.code, p) for p in match.region)
            left[province] = left.get(province, False) or not covered
    return None if all(left.values()) else "covers_province"


def root_of(pattern: str) -> str:
    """Return the region in which everything lies that a pattern may stand for: `73.*` in 73, `7*` in the nation."""
    if not pattern.endswith("*"):
        return pattern
    return pattern[:-1].rpartition(".")[0] or NATION


def covering_silence(alert: Alert, silences: Iterable[Silence], at: Instant) -> Silence | None:
    """Return a silence that covers the alert at an instant: of several the one that lasts longest."""
    holding = [s for s in silences if s.since <= at < s.until and s.concerns(alert)]
    return max(holding, key=lambda s: (s.until, s.id), default=None)


def next_change(alert: Alert, silences: Iterable[Silence], after: Instant) -> Instant | None:
    """Return the next instant at which a silence that concerns the alert begins or ends."""
    bounds = [b for s in silences if s.since < s.until and s.concerns(alert) for b in (s.since, s.until)]
    return min((bound for bound in bounds if bound > after), default=None)


def _any_fits(patterns: tuple[str, ...], texts: Iterable[str]) -> bool:
    return not patterns or any(_fits(pattern, text) for text in texts for pattern in patterns)


def _fits(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
