"""Synthetic events: as many as asked for, the same at every run, each taken in at the door."""

from engine.core.judging.instant import DAY
from engine.core.judging.region import Region, RegionTable
from engine.intake.event_schema import Accepted, EventSchema
from engine.people.tokens import Scope
from engine.settings import IntakeSection
from engine.simulation.feed import GRAVE, RATE, SYNTHETIC_START, Synthetic

KINDS = ("turnout.reading", "followup.police", "conflict.clash", "attack.office")
REGIONS = RegionTable(
    Region(
        code=code, parent=parent, level="", name=code, short_name=code, zone="WITA", timezone="Asia/Makassar"
    )
    for code, parent in (("00", ""), ("73", "00"), ("73.15", "73"), ("73.16", "73"))
)
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")


async def collected(total: int, most: int = 5_000) -> list[tuple[int, tuple[bytes, ...]]]:
    feed = Synthetic(total, REGIONS, KINDS)
    requests = [request async for request in feed.requests(most)]
    assert (requests[0].at, requests[-1].at) == (feed.first, feed.last)
    return [(request.at, tuple(line.event for line in request.lines)) for request in requests]


async def test_they_are_events_that_the_door_takes_in():
    schema = EventSchema(REGIONS, KINDS, IntakeSection())
    verdicts = [
        schema.examine(event, NATION, at) for at, events in await collected(1_000) for event in events
    ]
    taken = [verdict.event for verdict in verdicts if isinstance(verdict, Accepted)]
    assert len({(event.desk, event.id) for event in taken}) == len(verdicts) == 1_000
    assert sum(event.kind != "turnout.reading" for event in taken) == 1_000 // GRAVE
    assert all(not event.flags and "sintetis" in event.id for event in taken)


async def test_they_are_the_same_at_every_run_and_go_on_where_fewer_end():
    short, long = await collected(30), await collected(300)
    assert short == await collected(30)
    assert [e for _, events in short for e in events] == [e for _, events in long for e in events][:30]


async def test_time_goes_on_with_them():
    """A minute's events come in together, in requests of a bounded size."""
    requests = await collected(2 * DAY // RATE, most=5)
    instants = [at for at, _ in requests]
    assert instants == sorted(instants)
    assert 47 < (instants[-1] - SYNTHETIC_START) * 24 / DAY <= 48
    assert {len(events) for _, events in requests} == {5, 2}
