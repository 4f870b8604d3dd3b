"""Turns: in which order the messages go that wait at one instant.

Here: docs/specification/escalation.md#held-messages, #exercises as a pure function: awas first, then regions in turn,
then exercises. Not here: whether a message may go at all (`core.alerting.gates`, `core.alerting.budget`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from engine.core.alerting.alert import Notification
from engine.core.alerting.budget import STORM
from engine.core.alerting.policy import Channel
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import Instant
from engine.core.judging.region import cut

GATHERED = frozenset(("digest", "budget", "lane", STORM))
"""What held a message back that goes with others to its contact once it may go."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A message that waits, as far as its turn depends on it. `gateway` is the one that it must take, if it must.

    `storm`: it is of awas, beyond what its phone gets of that one by one.
    `due_at` is the instant at which it stands in the outbox: later than its own once its work was put off.
    """

    id: str
    alert: str
    kind: str
    contact: str
    channel: Channel
    region: str
    level: int
    planned_at: Instant
    gathers: bool = False
    storm: bool = False
    exercise: bool = False
    gateway: str = ""
    due_at: Instant | None = None

    @property
    def urgent(self) -> bool:
        """Whether it goes before everything else: what is awas, and a reply to a person who just wrote."""
        return (self.level >= AWAS and not self.exercise) or self.kind == "reply"

    @property
    def bundle(self) -> tuple[str, bool, bool]:
        """What messages that gather have in common: an exercise and what is real never go together.

        Nor does what a storm of awas held back with anything else: that would take room from it.
        """
        return self.contact, self.exercise, self.storm


def waiting(message: Notification, due_at: Instant | None = None) -> Waiting:
    """Return what the turn of a message depends on; it gathers with others to its contact where it was held back.

    `due_at` is where it stands in the outbox, if it does.
    """
    return Waiting(
        id=message.id,
        alert=message.alert,
        kind=message.kind,
        contact=message.contact,
        channel=message.channel,
        region=cut(message.region, "regency") or message.region,
        level=message.level,
        planned_at=message.planned_at,
        gathers=message.held in GATHERED and message.state == "pending",
        storm=message.held == STORM,
        exercise=message.exercise,
        gateway=message.gateway if message.kind == "digest" else "",
        due_at=due_at,
    )


def in_turn(messages: Iterable[Waiting], served: Mapping[str, int]) -> list[Waiting]:
    """Return the messages in the order in which they go.

    Urgent ones first, by the instant at which they were planned. Then one of each region in turn, the region first that
    was served longest ago (`served`: a number that grows with each message, by region; never: 0); inside a region by
    level, then by instant. Exercises go in the same order, after all that is real.
    """
    urgent: list[Waiting] = []
    real: list[Waiting] = []
    exercises: list[Waiting] = []
    for message in messages:
        (urgent if message.urgent else exercises if message.exercise else real).append(message)
    urgent.sort(key=lambda one: (one.planned_at, one.id))
    return [*urgent, *_regions_in_turn(real, served), *_regions_in_turn(exercises, served)]


def _regions_in_turn(messages: Iterable[Waiting], served: Mapping[str, int]) -> Iterator[Waiting]:
    by_region: dict[str, list[Waiting]] = {}
    for message in messages:
        by_region.setdefault(message.region, []).append(message)
    for queue in by_region.values():
        queue.sort(key=lambda one: (-one.level, one.planned_at, one.id))
    regions = sorted(by_region, key=lambda code: (served.get(code, 0), by_region[code][0].planned_at, code))
    rounds = max((len(queue) for queue in by_region.values()), default=0)
    return (by_region[code][n] for n in range(rounds) for code in regions if n < len(by_region[code]))
