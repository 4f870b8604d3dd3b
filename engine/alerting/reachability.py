"""The reachability matrix: rule by region by hour, who would be told.

Here: which cells there are, and cells of the same people joined to stretches. Not here: what reaches whom
(`alerting.outlook`), and printing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from engine.alerting.directory import place_of
from engine.alerting.draft import Surroundings
from engine.alerting.outlook import REACHES, Reach, reach
from engine.alerting.policy import Policy, Target
from engine.judging.instant import HOUR, Instant
from engine.judging.region import Region, RegionTable, lies_in
from engine.judging.rule import Rule


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in a row [since, until) in which an alert of a rule in a region would ask the same people to act."""

    rule: str
    policy: str
    region: str
    since: Instant
    until: Instant
    reach: Reach
    people: tuple[str, ...]


class Matrix:
    """All cells of some rules over hours from an instant on; the regions are those that hold an election."""

    def __init__(
        self,
        rules: Iterable[Rule],
        policies: Mapping[str, Policy],
        around: Surroundings,
        since: Instant,
        hours: int,
        *,
        under: str | None = None,
    ) -> None:
        self._around = around
        self._hours = [since + number * HOUR for number in range(hours)]
        self._policies = policies
        self._rows = [
            (rule, region.code) for rule in rules for region in regions_of(rule, around.regions, under)
        ]

    def __len__(self) -> int:
        """How many rows there are: a rule in a region."""
        return len(self._rows)

    def stretches(self, done: Callable[[], object] = lambda: None) -> Iterator[Stretch]:
        """Yield the stretches row by row; `done` is called after each row."""
        for rule, region in self._rows:
            yield from joined(self._cells(rule, region))
            done()

    def _cells(self, rule: Rule, region: str) -> Iterator[Stretch]:
        policy, level = self._policies[rule.escalate], min(step.level for step in rule.levels)
        for at in self._hours:
            found, messages = reach(rule, policy, region, level, self._around, at)
            people = tuple(sorted({message.person for message in messages if not message.informing}))
            yield Stretch(
                rule=rule.id,
                policy=policy.id,
                region=region,
                since=at,
                until=at + HOUR,
                reach=found,
                people=people,
            )


def offices_named(
    rules: Iterable[Rule], policies: Mapping[str, Policy], regions: RegionTable, under: str | None
) -> set[tuple[str, str]]:
    """Return the offices (region, role) that the steps of the rules' policies ask to act when alerts open there."""
    targets: dict[str, set[Target]] = {}
    found: set[tuple[str, str]] = set()
    for rule in rules:
        asked = targets.setdefault(
            rule.escalate,
            {target for step in policies[rule.escalate].steps for target in step.to if target.role},
        )
        for region in regions_of(rule, regions, under):
            found |= {(place_of(target, region.code), target.role) for target in asked}
    return found


def joined(cells: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield cells in a row that tell the same people in the same way as one stretch."""
    running: Stretch | None = None
    for cell in cells:
        if running is not None and (cell.reach, cell.people) == (running.reach, running.people):
            running = msgspec.structs.replace(running, until=cell.until)
        else:
            if running is not None:
                yield running
            running = cell
    if running is not None:
        yield running


def regions_of(rule: Rule, regions: RegionTable, under: str | None) -> list[Region]:
    """Return the regions that hold an election for which alerts of a rule can open, within one region where named."""
    level = next((name for name in ("nation", "province") if rule.per == (name,)), "regency")
    return [
        region
        for region in regions
        if region.level == level
        and (level == "nation" or region.election_governor or region.election_local)
        and (under is None or lies_in(region.code, under))
    ]


def counts(stretches: Iterable[Stretch]) -> dict[Reach, int]:
    """Return how many hours of all rows are of each kind, from the best to the worst."""
    found: dict[Reach, int] = dict.fromkeys(REACHES, 0)
    for one in stretches:
        found[one.reach] += (one.until - one.since) // HOUR
    return found
