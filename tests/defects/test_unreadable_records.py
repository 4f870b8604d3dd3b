"""One stored record that cannot be read stops what needs it, and nothing else; the operator is told which one it is."""

import msgspec
import pytest
from structlog.testing import capture_logs

from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.condition import Bond, Count
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit
from engine.core.judging.instant import DAY
from engine.core.judging.rule import Clear
from engine.errors import SiagaError
from engine.evaluation.dead_letters import LETTERS, PUT_OFF, PUT_OFF_GROUPS
from engine.evaluation.groups import GROUPS, POINTS
from engine.intake.event_families import FAMILIES
from engine.records.alert_repository import ALERTS, CLOSINGS, UNRESOLVED, standing_of
from engine.records.outages import GAPS
from engine.records.rule_sets import Proposal, RuleSet, after_the_past, at_once, first_rule_set_write
from engine.records.runtime_config import DIRECTORY, SILENCES
from engine.store.port import Drop, Plan, Put, Record, Write
from tests.acceptance.poison.test_judging import BROKEN, SOUND, Poisoned
from tests.acceptance.reload.service import POLICIES, START, event, rule
from tests.credentials import OPERATOR

TWO = rule("dua", Count(2, DAY))
MANY = rule("banyak", Count(80, DAY))
HERE, THERE = "73.15", "73.72"
BAD = b"\x01\xc1"
"""A codec version that is known, and then a byte that no msgpack value begins with."""


async def corrupt(store, table: str, id_: str) -> Record:
    """Make a record unreadable; return it as it was."""
    before = (await store.get(table, [id_]))[0]
    assert before is not None, (table, id_, list(await store.scan(table)))
    await store.write(Write(name="t", puts=(Put(table, id_, BAD),)))
    return before


async def mend(store, table: str, id_: str, record: Record) -> None:
    await store.write(Write(name="t", puts=(Put(table, id_, record.value),)))


def restarted(service: Poisoned) -> None:
    """Another evaluator takes over: nothing is in its memory."""
    service.carry(*service.rule_set.rules.values())


async def opened(service: Poisoned, rule_id: str = "dua") -> list[str]:
    return sorted(alert.group for alert in await service.alerts() if alert.rule.id == rule_id)


async def reports(service: Poisoned, region: str, *numbers: int) -> None:
    """Let events come in now and be judged."""
    await service.receive(*(event(number, service.clock.now(), region) for number in numbers))
    await service.judge()


async def later(service: Poisoned) -> None:
    """Let the time pass after which a group that was put off is tried again."""
    service.clock.set(service.clock.now() + PUT_OFF + 1)
    await service.judge()


# --- groups -------------------------------------------------------------------------------------------------


async def unreadable_head() -> tuple[Poisoned, Record]:
    """A service whose group in `HERE` had one event and then became unreadable; another evaluator judges."""
    service = Poisoned(TWO)
    await reports(service, HERE, 1)
    before = await corrupt(service.store, GROUPS, f"real|dua|{HERE}")
    restarted(service)
    return service, before


async def test_an_unreadable_group_is_put_off_alone():
    service, _ = await unreadable_head()
    await reports(service, HERE, 2)
    await reports(service, THERE, 3, 4)
    assert await opened(service) == [THERE]
    assert service.count("siaga_groups_put_off") == 1


async def test_it_is_named_by_rule_group_and_record_and_ops_are_told():
    service, _ = await unreadable_head()
    with capture_logs() as logs:
        await reports(service, HERE, 2)
    (told,) = [line for line in logs if line["event"] == "dead_letter"]
    assert (told["rule"], told["group"], told["record"]) == ("dua", HERE, f"groups/real|dua|{HERE}")
    (letter,) = await service.dead()
    assert (letter.rule, letter.group, letter.record) == ("dua", HERE, f"groups/real|dua|{HERE}")
    assert InternalAlertRequest("unreadable").member in await service.asked()


async def test_it_is_never_begun_anew_and_takes_what_waited_when_it_can_be_read():
    service, before = await unreadable_head()
    await reports(service, HERE, 2)
    assert (await service.store.get(GROUPS, [f"real|dua|{HERE}"]))[0].value == BAD
    await later(service)
    assert await opened(service) == []
    await mend(service.store, GROUPS, f"real|dua|{HERE}", before)
    await later(service)
    assert await opened(service) == [HERE]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}
    assert await service.store.scan(LETTERS) == {}


async def paged() -> Poisoned:
    """A service with a group whose points fill a page, and another evaluator that has read nothing yet."""
    service = Poisoned(MANY)
    await reports(service, HERE, *range(79))
    restarted(service)
    return service


@pytest.mark.parametrize("lost", ["unreadable", "missing"])
async def test_a_page_of_a_group_that_is_lost_is_like_a_head_that_is(lost: str):
    """At a2f7b6b a missing page was dropped without a word: the group counted 32 points fewer."""
    service = await paged()
    page = f"real|banyak|{HERE}#1"
    before = (await service.store.get(POINTS, [page]))[0]
    if lost == "missing":
        await service.store.write(Write(name="t", drops=(Drop(POINTS, page),)))
    else:
        await corrupt(service.store, POINTS, page)
    await reports(service, HERE, 100)
    await reports(service, THERE, *range(200, 280))
    assert await opened(service, "banyak") == [THERE]
    assert [letter.record for letter in await service.dead()] == [f"points/{page}"]
    await mend(service.store, POINTS, page, before)
    await later(service)
    assert await opened(service, "banyak") == [HERE, THERE]


async def test_a_group_whose_newest_alert_is_unreadable_waits_alone():
    service = Poisoned(TWO)
    await reports(service, HERE, 1, 2)
    (alert,) = await service.alerts()
    before = await corrupt(service.store, ALERTS, alert.id)
    restarted(service)
    await reports(service, HERE, 3)
    await reports(service, THERE, 4, 5)
    assert await opened(service) == [THERE]
    assert [letter.record for letter in await service.dead()] == [f"alerts/{alert.id}"]
    await mend(service.store, ALERTS, alert.id, before)
    await later(service)
    assert await opened(service) == [HERE, THERE]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}


async def test_an_unreadable_note_of_a_group_that_waits_is_made_anew():
    service = Poisoned(BROKEN, TWO)
    await reports(service, HERE, 1, 2)
    await corrupt(service.store, PUT_OFF_GROUPS, f"real|patah|{HERE}")
    service.carry(SOUND, TWO)
    await reports(service, THERE, 3, 4)
    await later(service)
    assert await opened(service, "patah") == [HERE, THERE]
    assert await service.store.scan(LETTERS) == {}


async def test_an_unreadable_letter_keeps_its_group_waiting_and_nobody_else():
    service = Poisoned(BROKEN, TWO)
    await reports(service, HERE, 1, 2)
    before = await corrupt(service.store, LETTERS, f"real|patah|{HERE}#0")
    service.carry(SOUND, TWO)
    await later(service)
    await reports(service, THERE, 3, 4)
    assert await opened(service, "patah") == [THERE]
    await mend(service.store, LETTERS, f"real|patah|{HERE}#0", before)
    await later(service)
    assert await opened(service, "patah") == [HERE, THERE]


async def test_a_closing_of_an_unreadable_alert_waits_and_the_other_closings_are_taken_note_of():
    counts = rule("hitung", Bond(open=("dua",), limit=Limit("at_least", 1)), clear=Clear("no_longer_true"))
    service = Poisoned(TWO, counts)
    await reports(service, HERE, 1, 2)
    (alert,) = [one for one in await service.alerts() if one.rule.id == "dua"]
    await corrupt(service.store, ALERTS, alert.id)
    restarted(service)
    await service.store.write(
        Write(name="t", plans=(Plan(CLOSINGS, alert.id, service.clock.now()), Plan(CLOSINGS, "gone", 0)))
    )
    await reports(service, THERE, 3, 4)
    assert await opened(service) == [THERE]
    assert await service.store.planned(CLOSINGS) == {alert.id: service.clock.now() + PUT_OFF}


# --- what all groups need -----------------------------------------------------------------------------------


def act(id_: str, names: str, **fields: object) -> Event:
    one = msgspec.structs.replace(event(1, START, HERE), id=id_)
    return msgspec.structs.replace(one, fields={"n": 1, "corrects": names, **fields})


async def test_an_unreadable_family_is_found_again_by_the_stream():
    """A correction of e1 made its family known; a refutation of e1 after the loss still takes e1 out."""
    service = Poisoned(TWO)
    await reports(service, HERE, 1, 2)
    await service.receive(act("k1", "e9"))
    await service.judge()
    await service.receive(act("k2", "e1"))
    await service.judge()
    assert await opened(service) == [HERE]
    before = await corrupt(service.store, FAMILIES, "e1")
    restarted(service)
    await service.receive(act("k3", "e2", verification="refuted"), act("k4", "e1", verification="refuted"))
    with capture_logs() as logs:
        await service.judge()
    await reports(service, THERE, 3, 4)
    assert await opened(service) == [HERE, THERE]
    told = [line["table"] for line in logs if line["event"] == "record_unreadable"]
    assert told == ["families"]
    assert InternalAlertRequest("unreadable").member in await service.asked()
    assert (await service.store.get("unreadable", ["families/e1"]))[0].value == BAD
    assert before.value != (await service.store.get(FAMILIES, ["e1"]))[0].value != BAD


async def test_unreadable_gaps_and_silences_stop_no_judging():
    service = Poisoned(TWO)
    await reports(service, HERE, 1)
    for table, id_ in ((GAPS, "all"), (SILENCES, "all")):
        await service.store.write(Write(name="t", puts=(Put(table, id_, BAD),)))
    restarted(service)
    await reports(service, HERE, 2)
    assert await opened(service) == [HERE]


async def test_where_the_directory_in_force_is_unreadable_the_version_before_serves():
    service = Poisoned(TWO)
    contents = (await service.books.directory()).contents
    for at in (1, 2):
        await service.books.replace_directory(contents, at, OPERATOR)
    await corrupt(service.store, DIRECTORY, "v2")
    restarted(service)
    await reports(service, HERE, 1, 2)
    assert await opened(service) == [HERE]
    assert (await service.books.directory()).version == 1
    with pytest.raises(SiagaError, match="v2 of table directory"):
        await service.books.amend_directory(lambda before: before, 3, OPERATOR)
    assert await service.books.replace_directory(contents, 4, OPERATOR) == 3


# --- changes of rules ---------------------------------------------------------------------------------------


CHANGED = rule("dua", Count(2, 2 * DAY))


def proposed(*rules, waits: bool, now: int) -> Write:
    new = RuleSet({one.id: one for one in rules}, POLICIES)
    proposal = Proposal(rule_set=new.id, author="a", approved_by="b")
    return after_the_past(new, proposal) if waits else at_once(new, proposal, now)


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
async def test_a_changed_rule_sees_the_past_and_so_mends_an_unreadable_group(waits: bool):
    service, _ = await unreadable_head()
    await reports(service, HERE, 2)
    await service.store.write(proposed(CHANGED, waits=waits, now=service.clock.now()))
    await service.judge()
    assert service.books.rule_set.rules == {"dua": CHANGED}
    assert await opened(service) == [HERE]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}
    await reports(service, HERE, 3)
    assert service.count("siaga_groups_put_off") == 0


async def test_an_unreadable_alert_does_not_refuse_a_changed_rule():
    service = Poisoned(TWO)
    await reports(service, HERE, 1, 2)
    (alert,) = await service.alerts()
    await corrupt(service.store, ALERTS, alert.id)
    restarted(service)
    await service.store.write(proposed(CHANGED, waits=False, now=service.clock.now()))
    await service.judge()
    assert service.books.rule_set.rules == {"dua": CHANGED}
    assert service.count("siaga_rules_rejected_total", reason="raised") == 0
    await reports(service, THERE, 3, 4)
    assert await opened(service) == [THERE]


# --- remedies -----------------------------------------------------------------------------------------------


async def rebuilt(service: Poisoned, group: str) -> None:
    """Do what `siaga records rebuild` does, and let it be judged."""
    from engine.operations.unreadable_records import rebuild_group

    await rebuild_group(service.store, service.books, group, service.clock.now(), "os:uji")
    await service.judge()


@pytest.mark.parametrize("named", ["groups/", ""], ids=["by its record", "by its key"])
async def test_a_group_is_judged_anew_by_the_stream_with_what_waited(named: str):
    service, _ = await unreadable_head()
    await service.store.write(first_rules(service))
    await reports(service, HERE, 2)
    assert await opened(service) == []
    await rebuilt(service, f"{named}real|dua|{HERE}")
    assert await opened(service) == [HERE]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}
    assert await service.store.scan(LETTERS) == {}
    assert (await service.store.get("unreadable", [f"groups/real|dua|{HERE}"]))[0].value == BAD


async def test_the_open_alert_of_a_group_that_is_judged_anew_goes_on_and_no_second_one_opens():
    service = Poisoned(TWO)
    await service.store.write(first_rules(service))
    await reports(service, HERE, 1, 2)
    (alert,) = await service.alerts()
    await corrupt(service.store, GROUPS, f"real|dua|{HERE}")
    restarted(service)
    await reports(service, HERE, 3)
    await rebuilt(service, f"real|dua|{HERE}")
    (after,) = await service.alerts()
    assert (after.id, after.unresolved) == (alert.id, True)
    await reports(service, HERE, 4)
    assert [one.id for one in await service.alerts()] == [alert.id]
    assert service.count("siaga_groups_put_off") == 0


async def test_other_groups_of_the_rule_are_left_as_they_are():
    service, _ = await unreadable_head()
    await service.store.write(first_rules(service))
    await reports(service, THERE, 3, 4)
    before = (await service.store.get(GROUPS, [f"real|dua|{THERE}"]))[0]
    await rebuilt(service, f"real|dua|{HERE}")
    assert (await service.store.get(GROUPS, [f"real|dua|{THERE}"]))[0] == before


async def test_an_unreadable_alert_is_removed_and_its_matter_opens_under_the_next_number():
    from engine.operations.unreadable_records import remove_record

    service = Poisoned(TWO)
    await service.store.write(first_rules(service))
    await reports(service, HERE, 1, 2)
    (alert,) = await service.alerts()
    with pytest.raises(SiagaError, match="can be read"):
        await remove_record(service.store, service.books, f"alerts/{alert.id}", 0, "os:uji")
    await corrupt(service.store, ALERTS, alert.id)
    restarted(service)
    await reports(service, HERE, 3)
    await remove_record(service.store, service.books, f"alerts/{alert.id}", service.clock.now(), "os:uji")
    await rebuilt(service, f"real|dua|{HERE}")
    (again,) = await service.alerts()
    assert (again.ordinal, again.group, again.unresolved) == (alert.ordinal + 1, HERE, True)
    assert list(await service.store.planned(UNRESOLVED)) == [again.id]
    for name in ("listed:00", "listed:73", "listed:73.15", "listed:73.15|open", "listed:00|rule|dua"):
        assert list(await service.store.planned(name)) == [again.id], name
    assert list(await service.store.planned(standing_of("real", "dua"))) == [f"{HERE}|{again.id}"]
    assert await service.store.scan(PUT_OFF_GROUPS) == {}


async def test_what_another_remedy_helps_is_not_removed():
    from engine.operations.unreadable_records import remove_record

    service, _ = await unreadable_head()
    with pytest.raises(SiagaError, match="rebuild"):
        await remove_record(service.store, service.books, f"groups/real|dua|{HERE}", 0, "os:uji")
    assert (await service.store.get(GROUPS, [f"real|dua|{HERE}"]))[0].value == BAD


def first_rules(service: Poisoned) -> Write:
    """The rules are in force by the store, as in every installation."""
    return msgspec.structs.replace(first_rule_set_write(service.rule_set, START), note=None)
