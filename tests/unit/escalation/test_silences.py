"""Silences in the store: kept side by side, ended early or before they began, and forgotten long after."""

import asyncio

import pytest

from engine.clock import ManualClock
from engine.core.alerting.credential import Credential
from engine.core.alerting.silence import Match
from engine.core.judging.instant import DAY, HOUR
from engine.core.judging.region import RegionTable
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.silences import KEPT, Silences
from engine.metrics import Metrics
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.store.memory import MemoryStore

START = 1_732_500_000_000
MATCH = Match(region=("73.15",))


@pytest.fixture
def clock():
    """The clock of the installation."""
    return ManualClock(START)


@pytest.fixture
def silences(clock):
    """The silences of an installation without alerts."""
    store = MemoryStore()
    books = RuntimeConfig(store, namespace="uji", regions=RegionTable(()), kinds={}, rule_set=RuleSet({}, {}))
    return Silences(store, clock, books, AlertCommands(store, clock, books, Metrics()))


async def made(silences, since=START, until=START + HOUR, author="op"):
    return await silences.make(MATCH, since=since, until=until, reason="uji", by=Credential("user", author))


async def test_two_made_at_once_are_both_kept(silences):
    """Each with an id of its own, derived and not random."""
    both = await asyncio.gather(made(silences, author="a"), made(silences, author="b"))
    assert {s.author for s in await silences.list()} == {"user:a", "user:b"}
    assert len({s.id for s in both}) == 2


async def test_one_ended_early_lasted_until_then(silences, clock):
    """And says who ended it; ending it again changes nothing."""
    silence = await made(silences)
    clock.set(START + HOUR // 2)
    ended = await silences.end(silence.id, Credential("user", "op2"))
    assert (ended.until, ended.ended_by) == (START + HOUR // 2, "user:op2")
    clock.set(START + HOUR)
    assert await silences.end(silence.id, Credential("user", "op3")) == ended


async def test_one_ended_before_it_began_never_lasts(silences):
    """It ends where it would have begun."""
    silence = await made(silences, since=START + HOUR, until=START + 2 * HOUR)
    ended = await silences.end(silence.id, Credential("user", "op"))
    assert (ended.since, ended.until) == (START + HOUR, START + HOUR)


async def test_an_unknown_one_cannot_be_ended(silences):
    """Nothing happens."""
    assert await silences.end("x", Credential("user", "op")) is None


async def test_what_is_long_over_is_forgotten_with_the_next_one(silences, clock):
    """It is listed for thirty days."""
    await made(silences, author="old")
    clock.set(START + HOUR + KEPT - 1)
    await made(silences, since=START + KEPT, until=START + KEPT + DAY, author="b")
    assert [s.author for s in await silences.list()] == ["user:old", "user:b"]
    clock.set(START + HOUR + KEPT)
    await made(silences, since=START + KEPT, until=START + KEPT + DAY, author="c")
    assert [s.author for s in await silences.list()] == ["user:b", "user:c"]
