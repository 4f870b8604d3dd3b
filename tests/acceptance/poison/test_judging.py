"""Poison in judging: what raises is kept aside alone, and says later what it had to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pytest

from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.condition import Bond, Count, EveryEvent, Value
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.rule import Clear, Rule
from engine.escalation.internal_alerts import OWN
from engine.evaluation.dead_letters import (
    DEAD_LETTERS,
    LETTERS,
    LETTERS_AT_MOST,
    PUT_OFF,
    PUT_OFF_GROUPS,
    TOO_MANY_LETTERS,
    DeadLetter,
    PutOff,
)
from engine.matching.checked import MatcherChoice, native_alone
from engine.matching.native import NativeMatcher
from engine.operations.unreadable_records import rebuild_group
from engine.records.rule_sets import Proposal, RuleSet, after_the_past, at_once
from engine.store.codec import decode
from engine.store.port import Put, Write
from tests.acceptance.reload.service import POLICIES, START, Service, event, rule

WHOLE = rule("utuh", Count(2, DAY))
SOUND = rule("patah", Count(2, DAY))
BROKEN = msgspec.structs.replace(SOUND, condition=Count("dua", DAY))
"""The same rule with a limit that nothing can be compared with: each judgement of it raises."""
COUNTS_BROKEN = rule(
    "menghitung", Bond(open=("patah",), limit=Limit("at_least", 1)), clear=Clear("no_longer_true")
)


class Poisoned(Service):
    """A service whose rules, policies and matcher can be exchanged for sound ones without a change of rules."""

    def __init__(self, *rules: Rule, matching: type[NativeMatcher] = NativeMatcher) -> None:
        super().__init__()
        self.matching = matching
        self.carry(*rules)

    def carry(self, *rules: Rule, policies: Mapping[str, object] = POLICIES) -> None:
        """Start again, as another version of the program whose rules do or do not raise."""
        self.rule_set = RuleSet({one.id: one for one in rules}, policies)
        self.begin()
        matching = self.matching
        self.evaluator._matching = lambda rules: _choice(matching(rules))

    async def at(self, minute: int) -> None:
        self.clock.set(START + minute * MINUTE)
        await self.judge()

    async def rules_of_alerts(self) -> list[str]:
        return sorted(alert.rule.id for alert in await self.alerts())

    async def dead(self) -> list[DeadLetter]:
        return [decode(value, DeadLetter) for value in await self.store.log(DEAD_LETTERS)]

    async def asked(self) -> set[str]:
        return set(await self.store.planned(OWN))

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels)


def _choice(matcher: NativeMatcher) -> MatcherChoice:
    return msgspec.structs.replace(native_alone(()), matcher=matcher, native=matcher)


class Squeamish(NativeMatcher):
    """A matcher that raises when one rule is asked about one event."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__(rules)
        self.ids = {rule.id for rule in rules}

    def match(self, event: Event) -> tuple[Rule, ...]:
        if event.id == "e1" and "patah" in self.ids:
            raise ValueError("saksi Yohanes Tabuni 081234567890")
        return super().match(event)

    def apart(self) -> Iterable[tuple[Rule, NativeMatcher]]:
        return tuple((rule, Squeamish((rule,))) for rule in self._rules)


async def two_reports(service: Poisoned) -> None:
    await service.report(0, 1)
    await service.report(1, 2)


async def undisturbed(*rules: Rule, until: int = 120) -> list[tuple[object, ...]]:
    service = Poisoned(*rules)
    await two_reports(service)
    await service.at(until)
    return await service.story()


async def test_a_rule_that_raises_is_put_off_alone_and_told():
    """Law: docs/specification/trust.md#nothing-bad-spreads."""
    service = Poisoned(BROKEN, WHOLE)
    await two_reports(service)
    assert await service.rules_of_alerts() == ["utuh"]
    (first, *_) = await service.dead()
    assert (first.rule, first.group, first.error) == ("patah", "73.15", "TypeError")
    assert any(place.startswith("judge.py") for place in first.at)
    assert service.count("siaga_dead_letters_total", of="group") >= 1
    assert service.count("siaga_groups_put_off") == 1
    assert InternalAlertRequest("dead_letter").member in await service.asked()


@pytest.mark.parametrize("restarts", [0, 1, 3])
async def test_once_it_no_longer_raises_it_says_what_it_would_have_said(restarts: int):
    service = Poisoned(BROKEN, WHOLE)
    await two_reports(service)
    for _ in range(restarts):
        service.carry(BROKEN, WHOLE)
        await service.judge()
    service.carry(SOUND, WHOLE)
    await service.at(120)
    assert await service.rules_of_alerts() == ["patah", "utuh"]
    assert await openings(service) == [row[:4] for row in await undisturbed(SOUND, WHOLE)]
    assert (await service.store.scan(PUT_OFF_GROUPS), await service.store.scan(LETTERS)) == ({}, {})


async def openings(service: Poisoned) -> list[tuple[object, ...]]:
    return [row[:4] for row in await service.story()]


async def test_while_it_is_put_off_reports_wait_as_letters_and_nothing_is_tried():
    service = Poisoned(BROKEN, WHOLE)
    await service.report(0, 1)
    tried = service.count("siaga_dead_letters_total", of="group")
    await service.receive(event(2, service.clock.now()))
    await service.judge()
    assert service.count("siaga_dead_letters_total", of="group") == tried
    assert len(await service.store.scan(LETTERS)) == 2
    await service.at(PUT_OFF // MINUTE)
    assert service.count("siaga_dead_letters_total", of="group") == tried + 1


async def test_the_same_case_stands_in_the_log_once():
    service = Poisoned(BROKEN)
    await service.report(0, 1)
    for minute in (10, 20, 30):
        await service.at(minute)
    assert len(await service.dead()) == 1


async def test_a_policy_that_is_not_there_puts_off_only_who_needs_it():
    lost = msgspec.structs.replace(SOUND, escalate="hilang")
    service = Poisoned(lost, WHOLE)
    await two_reports(service)
    assert await service.rules_of_alerts() == ["utuh"]
    service.carry(lost, WHOLE, policies={**POLICIES, "hilang": POLICIES["p"]})
    await service.at(120)
    assert await service.rules_of_alerts() == ["patah", "utuh"]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}


async def test_who_listens_to_it_hears_of_it_when_it_goes_on():
    service = Poisoned(BROKEN, COUNTS_BROKEN)
    await two_reports(service)
    assert await service.rules_of_alerts() == []
    service.carry(SOUND, COUNTS_BROKEN)
    await service.at(120)
    assert await service.rules_of_alerts() == ["menghitung", "patah"]


async def test_who_listens_and_raises_hears_later_what_was_said():
    deaf = msgspec.structs.replace(
        COUNTS_BROKEN, condition=Bond(open=("patah",), limit=Limit("at_least", "a"))
    )
    service = Poisoned(SOUND, deaf)
    await two_reports(service)
    assert await service.rules_of_alerts() == ["patah"]
    service.carry(SOUND, COUNTS_BROKEN)
    await service.at(120)
    assert await service.rules_of_alerts() == ["menghitung", "patah"]


async def test_an_event_about_which_one_rule_cannot_be_asked_counts_for_all_others():
    service = Poisoned(rule("patah", EveryEvent()), WHOLE, matching=Squeamish)
    await two_reports(service)
    assert await service.rules_of_alerts() == ["patah", "utuh"]
    (letter,) = await service.dead()
    assert (letter.rule, letter.desk, letter.event_id, letter.error) == ("patah", "uji", "e1", "ValueError")
    assert b"Yohanes" not in b"".join(await service.store.log(DEAD_LETTERS))
    assert service.count("siaga_dead_letters_total", of="event") == 1


HOLDS_AND_RAISES = rule("baru", Value("n", Limit("at_least", 1)), clear=Clear("no_longer_true"))


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
async def test_a_reload_whose_rules_raise_is_refused_and_what_was_stays(waits: bool):
    service = Poisoned(WHOLE)
    await service.report(0, 1)
    lost = msgspec.structs.replace(HOLDS_AND_RAISES, escalate="hilang")
    new = RuleSet({one.id: one for one in (WHOLE, lost)}, POLICIES)
    proposal = Proposal(rule_set=new.id, author="a", approved_by="b")
    await service.store.write(
        after_the_past(new, proposal) if waits else at_once(new, proposal, service.clock.now())
    )
    await service.judge()
    assert service.books.rule_set.rules.keys() == {"utuh"}
    assert service.count("siaga_rules_rejected_total", reason="raised") == 1
    assert InternalAlertRequest("rules").member in await service.asked()
    await service.report(1, 2)
    assert await service.rules_of_alerts() == ["utuh"]


async def test_a_reload_that_sees_the_past_anew_lets_go_of_the_letters():
    service = Poisoned(BROKEN, WHOLE)
    await two_reports(service)
    mended = rule("patah", Count(2, 2 * HOUR))
    new = RuleSet({one.id: one for one in (mended, WHOLE)}, POLICIES)
    proposal = Proposal(rule_set=new.id, author="a", approved_by="b")
    await service.store.write(at_once(new, proposal, service.clock.now()))
    await service.judge()
    assert (await service.store.scan(PUT_OFF_GROUPS), await service.store.scan(LETTERS)) == ({}, {})
    await service.report(2, 3)
    assert "patah" in await service.rules_of_alerts()


async def test_a_look_that_raises_though_nothing_arrives_holds_up_nothing():
    silent = rule("diam", Count(2, DAY), clear=Clear("quiet", quiet_for=HOUR))
    service = Poisoned(silent, WHOLE)
    await two_reports(service)
    service.carry(msgspec.structs.replace(silent, condition=Count("dua", DAY)), WHOLE)
    await service.at(300)
    await service.report(6, 3, "73.72")
    await service.report(7, 4, "73.72")
    assert [alert.group for alert in await service.alerts() if alert.rule.id == "utuh"] == ["73.72", "73.15"]
    service.carry(silent, WHOLE)
    await service.at(8 * 60)
    (closed,) = [alert for alert in await service.alerts() if alert.rule.id == "diam"][-1:]
    assert closed.resolved_reason == "quiet"


async def test_in_a_rehearsal_what_raises_raises():
    service = Poisoned(BROKEN)
    service.evaluator._letters.spares = False
    with pytest.raises(TypeError):
        await service.report(0, 1)


async def with_too_many_letters() -> tuple[Poisoned, int]:
    """A service with a rule that raises for ever and more reports than wait as letters; how many there were."""
    service = Poisoned(BROKEN, WHOLE)
    for number in range(1, LETTERS_AT_MOST + 3):
        await service.receive(event(number, service.clock.now()))
        await service.judge()
    return service, number


async def test_letters_of_a_group_that_raises_for_ever_have_an_end():
    """Law: docs/specification/rules.md#failing-work."""
    service, last = await with_too_many_letters()
    assert len(await service.store.scan(LETTERS)) == 1
    (kept,) = (await service.store.scan(PUT_OFF_GROUPS)).values()
    assert decode(kept.value, PutOff).dropped
    assert (await service.dead())[-1].error == TOO_MANY_LETTERS
    assert service.count("siaga_groups_to_rebuild") == 1
    assert InternalAlertRequest("dead_letter").member in await service.asked()
    for further in range(last + 1, last + 4):
        await service.receive(event(further, service.clock.now()))
        await service.judge()
    await service.at(120)
    assert len(await service.store.scan(LETTERS)) == 1
    assert await service.rules_of_alerts() == ["utuh"]


@pytest.mark.parametrize("loses_its_record", [False, True])
async def test_without_its_letters_a_group_is_judged_by_a_rebuild_alone(loses_its_record: bool):
    """Judging it with what comes next, as if nothing had been before, would be wrong without a word."""
    service, _ = await with_too_many_letters()
    if loses_its_record:
        (member,) = await service.store.scan(PUT_OFF_GROUPS)
        await service.store.write(Write(name="evaluate", puts=(Put(PUT_OFF_GROUPS, member, b"\x01\xc1"),)))
    service.carry(SOUND, WHOLE)
    await service.at(120)
    assert await service.rules_of_alerts() == ["utuh"]
    await rebuild_group(service.store, service.books, "real|patah|73.15", service.clock.now(), "os:uji")
    await service.at(121)
    assert await service.rules_of_alerts() == ["patah", "utuh"]
    assert (await service.store.scan(PUT_OFF_GROUPS), await service.store.scan(LETTERS)) == ({}, {})
    assert service.count("siaga_groups_to_rebuild") == 0
