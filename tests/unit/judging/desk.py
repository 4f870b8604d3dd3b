"""Short ways to write rules and events for the tests of judging: minutes, and ids that say when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.judgement import Ended, Judgement, Opened, Redated, Undone
from engine.core.judging.rule import Rule
from engine.matching.native import Membership, compile_filter


def rule(**over: Any) -> Rule:
    """A rule with the texts that no test of judging looks at."""
    texts = {
        "id": "aturan",
        "title": "Uji",
        "short_title": "Uji",
        "owner": "Biro",
        "why": "Uji",
        "guide": "sop.md",
    }
    return Rule(**{**texts, **over})


def event(at: Instant, id_: str = "", **over: Any) -> Event:
    """An event of one desk in 73.15 at an instant in milliseconds, received at once; `over` also takes fields."""
    known = {
        name: over.pop(name) for name in ("kind", "region", "severity", "received_at", "desk") if name in over
    }
    base: dict[str, Any] = {"desk": "7315", "kind": "conflict.clash", "region": "73.15", "severity": 2}
    base |= {"received_at": at, **known}
    return Event(id=id_ or f"e{at}", occurred_at=at, fields=over, **base)


def fits_of(one: Rule, reports: Iterable[Event]) -> dict[tuple[str, str], int]:
    """Which parts of the rule's condition events fit, as the matcher says it."""
    membership = Membership(one, compile_filter)
    return {(report.desk, report.id): sum(membership.groups(report).values()) for report in reports}


def minutes(*at: float) -> list[Event]:
    """Events at these minutes."""
    return [event(round(minute * MINUTE)) for minute in at]


class Ledger:
    """What a reader of the judgements knows: which alerts are there, when they happened and whether they ended."""

    def __init__(self) -> None:
        self.happened: dict[int, Instant] = {}
        self.ended: dict[int, tuple[Instant, str]] = {}
        self.undone: dict[int, str] = {}

    def read(self, said: Iterable[Judgement]) -> None:
        """Take note of judgements; each must fit to what was said before."""
        for one in said:
            match one:
                case Opened():
                    assert one.ordinal == len(self.happened) + len(self.undone) + 1
                    self.happened[one.ordinal] = one.happened_at
                case Redated():
                    assert self.happened[one.ordinal] != one.happened_at
                    self.happened[one.ordinal] = one.happened_at
                case Ended():
                    assert one.ordinal in self.happened
                    assert one.ordinal not in self.ended
                    self.ended[one.ordinal] = (one.at, one.reason)
                case Undone():
                    del self.happened[one.ordinal]
                    self.undone[one.ordinal] = one.reason
                case _:
                    assert one.ordinal in self.happened

    @property
    def openings(self) -> set[Instant]:
        """The instants of the openings that were not undone."""
        return set(self.happened.values())

    @property
    def open(self) -> list[int]:
        """The ordinals of alerts that did not end."""
        return [ordinal for ordinal in self.happened if ordinal not in self.ended]


def feed(group: Group, requests: Sequence[Sequence[Event]], *, until: Instant) -> Ledger:
    """Give a group requests in this order (received when their newest event occurs or later), then wait until."""
    ledger = Ledger()
    now = 0
    for request in requests:
        now = max([now, *(one.received_at for one in request)])
        ledger.read(group.apply(request, received_at=now, fits=fits_of(group.rule, request)))
    wait(group, ledger, until)
    return ledger


def wait(group: Group, ledger: Ledger, until: Instant) -> None:
    """Look at the group at each instant it asks for, up to `until`."""
    while group.due is not None and group.due <= until:
        due = group.due
        ledger.read(group.look(now=due))
        assert group.due is None or group.due > due
