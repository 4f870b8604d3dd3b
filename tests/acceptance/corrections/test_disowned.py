"""Disowning a token over the whole evaluator: as if each of its events had been refuted by hand, also after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.judging.condition import Bond
from engine.core.judging.correction import is_refuted, named_by
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit
from engine.core.judging.rule import Clear
from engine.errors import StoreUnavailableError
from engine.intake.disowning import Disowning
from engine.people.tokens import Tokens
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from engine.store.port import Appended, Arrival
from tests.acceptance.corrections.bench import RULES, Bench, _rule
from tests.acceptance.corrections.test_order import events
from tests.credentials import OPERATOR


class Mortal(MemoryStore):
    """A store that is away from a certain append on."""

    appends = 0
    dies_at: int | None = None

    async def append(self, arrivals: Sequence[Arrival], received_at: int, day: int) -> Appended:
        self.appends += 1
        if self.dies_at is not None and self.appends >= self.dies_at:
            raise StoreUnavailableError("away")
        return await super().append(arrivals, received_at, day)


TOKENS = ("stolen", "token:satu", "token:dua")
ON_RULES = (
    *RULES,
    _rule("kept", condition=Bond(("each", "pair"), Limit("at_least", 2)), per=("nation",)),
    _rule(
        "while",
        condition=Bond(("pair", "weight", "much"), Limit("at_least", 1)),
        per=("nation",),
        clear=Clear("no_longer_true"),
    ),
)


@st.composite
def thefts(draw: st.DrawFn) -> tuple[list[Event], list[str], list[int]]:
    """Events, by which of three tokens each came, and an order in which to refute by hand."""
    reported = draw(events())
    tokens = [draw(st.sampled_from(TOKENS)) for _ in reported]
    return reported, tokens, draw(st.permutations(range(len(reported))))


@st.composite
def plays(draw: st.DrawFn) -> tuple[list[Event], list[bool], int, list[int]]:
    """Events, which of them the stolen token brought, at which piece the process dies, and an order by hand."""
    reported = draw(events())
    stolen = draw(st.lists(st.booleans(), min_size=len(reported), max_size=len(reported)))
    return reported, stolen, draw(st.integers(1, 4)), draw(st.permutations(range(len(reported))))


def by_hand(event: Event) -> Event:
    """Return the refutation that the posko sends, after everything that was said of the event."""
    return Event(
        desk=event.desk,
        id=f"r-{event.id}",
        kind="correction",
        region=event.region,
        severity=1,
        occurred_at=event.occurred_at,
        fields={"corrects": event.id, "verification": "refuted", "reported_at": 1_900_000_000_000},
        by_verifier=True,
    )


@given(play=plays())
def test_it_is_as_if_its_events_had_been_refuted_one_by_one(
    play: tuple[list[Event], list[bool], int, list[int]],
) -> None:
    reported, stolen, dies_at, order = play

    async def run() -> None:
        store = Mortal()
        disowned, refuted = Bench(store), Bench(MemoryStore())
        made = await Tokens(store, disowned.clock).create(["submit"], by=OPERATOR)
        token = f"token:{made.token.id}"
        brought = [
            msgspec.structs.replace(event, token=token if taken else "token:jujur")
            for event, taken in zip(reported, stolen, strict=True)
        ]
        for bench in (disowned, refuted):
            await bring(bench, brought)
        disowning = Disowning(store, EventHistory(store), disowned.clock, piece=2)
        store.dies_at = store.appends + dies_at
        try:
            await disowning.carry_out(made.token.id, 0, by=OPERATOR)
        except StoreUnavailableError:
            await disowned.judge()
        store.dies_at = None
        await disowning.carry_out(made.token.id, 0, by=OPERATOR)
        await disowned.wait()
        by_order = [brought[place] for place in order if brought[place].token == token]
        for event in by_order:
            if named_by(event) or not is_refuted(event):
                await refuted.receive([by_hand(event)], refuted.clock.now())
                await refuted.judge()
        await refuted.wait()
        assert await disowned.openings() == await refuted.openings()
        open_now = {(alert.rule.id, alert.group) for alert in await disowned.alerts() if alert.unresolved}
        assert open_now == {(a.rule.id, a.group) for a in await refuted.alerts() if a.unresolved}

    asyncio.run(run())


@settings(max_examples=50)
@given(play=thefts())
def test_so_it_is_with_several_tokens_and_rules_on_rules(
    play: tuple[list[Event], list[str], list[int]],
) -> None:
    """Of the events of each token, and of the alerts of rules that count other alerts; nothing else is touched."""
    reported, tokens, order = play

    async def run() -> None:
        store = MemoryStore()
        disowned, refuted = Bench(store, ON_RULES), Bench(MemoryStore(), ON_RULES)
        made = await Tokens(store, disowned.clock).create(["submit"], by=OPERATOR)
        stolen = f"token:{made.token.id}"
        brought = [
            msgspec.structs.replace(event, token=stolen if token == "stolen" else token)
            for event, token in zip(reported, tokens, strict=True)
        ]
        for bench in (disowned, refuted):
            await bring(bench, brought)
        await Disowning(store, EventHistory(store), disowned.clock).carry_out(made.token.id, 0, by=OPERATOR)
        await disowned.wait()
        for event in [brought[place] for place in order]:
            if event.token == stolen and (named_by(event) or not is_refuted(event)):
                await refuted.receive([by_hand(event)], refuted.clock.now())
                await refuted.judge()
        await refuted.wait()
        assert await disowned.openings() == await refuted.openings()
        assert await standing(disowned) == await standing(refuted)

    asyncio.run(run())


async def bring(bench: Bench, brought: list[Event]) -> None:
    """Let events come in one by one, within the late horizon: beyond it nothing that was taken out comes back."""
    for event in brought:
        now = max(bench.clock.now() + 1, event.occurred_at)
        await bench.wait(now - 1)
        await bench.receive([event], now)
        await bench.judge()


async def standing(bench: Bench) -> set[tuple[str, str]]:
    """Return rule and group of every alert that is not resolved."""
    return {(alert.rule.id, alert.group) for alert in await bench.alerts() if alert.unresolved}
