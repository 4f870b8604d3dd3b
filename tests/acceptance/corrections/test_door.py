"""Corrections through the door of the service: what a token may, who is told; on the memory store and on Redis."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.command import Answer
from engine.core.judging.group_state import Gap
from engine.core.judging.instant import MINUTE, format_instant, parse_instant
from engine.people.tokens import Right, Scope
from engine.records.outages import append_gap, gaps_of, kept_gaps
from engine.settings import Settings
from engine.store.port import START as FIRST
from engine.store.port import Store
from tests.credentials import OPERATOR

ROOT = Path(__file__).parents[3]
START, _ = parse_instant("2024-11-27T12:00:00+09:00")


class Service:
    """The service with a small directory, and events of Kab. Puncak Jaya that come in through its door."""

    def __init__(self, siaga: Siaga) -> None:
        self.siaga = siaga

    async def submit(self, *rights: Right, within: str = "00", **changes: Any) -> None:
        """Submit a clash with many injured, or what differs from it, with a token of these rights in a region."""
        scope = Scope(desks=("*",), rights=frozenset(("submit", *rights)), region=within, token_id="t")
        document = {
            "id": "X",
            "kind": "conflict.clash",
            "severity": 4,
            "region": "94.02",
            "occurred_at": format_instant(self.siaga.clock.now(), "Asia/Jayapura"),
            "source": {"desk": "94.02", "channel": "desk"},
            "metrics": {"injured": 94},
        } | changes
        taken = await self.siaga.intake.submit(json.dumps(document).encode(), "application/json", scope)
        assert taken.accepted == 1, taken
        await self.advance(0)

    async def advance(self, minutes: int) -> None:
        await self.siaga.advance(self.siaga.clock.now() + minutes * MINUTE)

    async def alert(self) -> Alert:
        (alert,) = await self.siaga.desk.alerts()
        return alert

    async def sent(self, *kinds: str) -> set[tuple[str, str]]:
        """Return to whom, on which contact, messages of these kinds went out."""
        case = await self.siaga.desk.case((await self.alert()).id)
        assert case is not None
        found: list[Notification] = [n for n in case.notifications.values() if n.state == "sent"]
        return {(n.person, n.contact) for n in found if n.kind in kinds}

    def count(self, name: str, **labels: str) -> float | None:
        return self.siaga.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def service(store: Store, tmp_path: Path) -> AsyncIterator[Service]:
    """A service in lock-step on an empty store."""
    lines = (ROOT / "config/directory.csv").read_text().splitlines(keepends=True)
    wanted = {"00", "94", "94.02"}
    directory = tmp_path / "directory.csv"
    directory.write_text("".join(one for one in lines if one.split(",")[0] in wanted or not one[0].isdigit()))
    settings = Settings.model_validate(
        {
            "clock": {"mode": "lock_step", "start": format_instant(START)},
            "paths": {"var": str(tmp_path), "directory": str(directory)},
        },
        context={"home": ROOT},
    )
    async with AsyncExitStack() as stack:
        yield Service(await open_siaga(settings, stack, store=store))


async def test_everybody_who_was_told_gets_a_correction(service: Service) -> None:
    """People of two steps, those informed, and whoever took the matter; on every contact that a notice went to."""
    await service.submit()
    await service.advance(11)
    taker = min(await service.sent("first"))[0]
    answer = Answer(person=taker, says="taken", via="api")
    await service.siaga.desk.answer((await service.alert()).id, answer, by=OPERATOR)
    await service.advance(1)
    assert (await service.alert()).status == "acknowledged"
    told = await service.sent("first", "step")
    await service.submit("verify", id="R", corrects="X", verification="refuted")
    alert = await service.alert()
    assert (alert.status, alert.resolved_reason) == ("resolved", "refuted")
    assert await service.sent("correction") == told
    assert taker in {person for person, _ in told}
    assert service.count("siaga_events_withdrawn_total", reason="refuted") == 1


async def test_a_corrected_figure_below_the_limit_undoes_the_alert(service: Service) -> None:
    await service.submit()
    await service.submit("verify", id="C", supersedes="X", metrics={"injured": 3}, severity=2)
    alert = await service.alert()
    assert (alert.status, alert.resolved_reason) == ("resolved", "corrected")
    assert await service.sent("correction") == await service.sent("first") != set()


async def test_a_correction_that_comes_first_keeps_the_alert_from_opening(service: Service) -> None:
    await service.submit("verify", id="C", corrects="X", metrics={"injured": 3}, severity=2)
    await service.submit()
    assert await service.siaga.desk.alerts() == []


@pytest.mark.parametrize(
    ("rights", "token", "desk", "reason"),
    [
        ((), "00", "91", "not_its_source"),
        ((), "94.02", "hotline", "not_its_source"),
        (("verify",), "00", "hotline", None),
        (("verify",), "94", "hotline", None),
        (("read", "operate"), "94", "hotline", "not_its_source"),
        ((), "94", "94", None),
        ((), "94.02", "94.02", "parent_must_confirm"),
        (("verify",), "94.02", "94.02", None),
    ],
)
async def test_who_may_refute(
    service: Service, rights: tuple[Right, ...], token: str, desk: str, reason: str | None
) -> None:
    """Refused, the event is accepted all the same, changes nothing, and a metric counts it."""
    await service.submit()
    await service.submit(
        *rights, within=token, id="R", corrects="X", verification="refuted", source={"desk": desk}
    )
    assert (await service.alert()).status == ("open" if reason else "resolved")
    assert await service.sent("correction") == (set() if reason else await service.sent("first"))
    if reason:
        assert service.count("siaga_corrections_refused_total", reason=reason) == 1


async def test_a_verifier_of_another_region_may_not(service: Service) -> None:
    """The token's region bounds what it may speak of, not only where it reports from."""
    await service.submit()
    await service.submit(
        "verify",
        within="91",
        id="R",
        corrects="X",
        verification="refuted",
        source={"desk": "hotline"},
        region="91",
    )
    assert (await service.alert()).status == "open"
    assert service.count("siaga_corrections_refused_total", reason="out_of_scope") == 1


async def test_a_sender_cannot_claim_the_right_in_the_event(service: Service) -> None:
    """What the token may is not read from the document."""
    await service.submit()
    claim = {"by_verifier": True, "reach": "00", "flags": ["by_verifier"]}
    await service.submit(id="R", corrects="X", verification="refuted", source={"desk": "hotline"}, **claim)
    assert (await service.alert()).status == "open"


async def test_what_names_no_other_event_carries_no_right(service: Service) -> None:
    """Only acts carry the token's reach: plain events of any token stand in the stream alike."""
    await service.submit("verify", within="94.02")
    _rules, entry = await service.siaga.store.read(FIRST, 10)
    assert json.loads(entry.values[0]).keys().isdisjoint({"reach", "by_verifier"})


async def test_the_evaluator_keeps_the_gaps_that_the_stream_tells(service: Service) -> None:
    """A gap told twice is one; it stands in the store once it is read, and changes no alert."""
    await service.submit()
    gaps = [Gap(since=START, until=START + 2 * MINUTE), Gap(since=START + MINUTE, until=START + 5 * MINUTE)]
    for gap in (*gaps, gaps[0]):
        await append_gap(service.siaga.store, gap)
    await service.advance(1)
    assert len(gaps_of(await service.siaga.store.read(FIRST, 10))) == 3
    assert await kept_gaps(service.siaga.store) == (Gap(since=START, until=START + 5 * MINUTE),)
    assert (await service.alert()).status == "open"
