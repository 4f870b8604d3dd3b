"""Approval: what a reload would change, how many people it would tell, who may put it in force."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.core.judging.condition import Count
from engine.core.judging.instant import DAY
from engine.documents.finding import Findings, at_start
from engine.documents.loaded import Loaded, loaded
from engine.operations.event_archiver import EventArchiver
from engine.records.rule_sets import RuleSet
from engine.rule_sets.rollout import RuleSetRollout
from engine.store.archive.events import Archive
from engine.store.port import START as BEGINNING
from tests.acceptance.reload.service import NEW, OLD, POLICIES, START, Service, rule
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import CONTENTS

AUTHOR = {"author": "user:penulis", "approved_by": "user:penyetuju"}


def rules(*of) -> Loaded[RuleSet]:
    return Loaded(RuleSet({one.id: one for one in of}, POLICIES))


def approval(service: Service, max_told: int = 50) -> RuleSetRollout:
    return RuleSetRollout(
        service.store,
        service.clock,
        service.books,
        service.metrics,
        max_told=max_told,
        history=service.history,
    )


async def put(service: Service, of: Loaded[RuleSet], *, max_told: int = 50, **people):
    """Compare a rule set and put it in force."""
    approved = approval(service, max_told)
    return await approved.put_in_force(of.value, await approved.compare(of.value), **(people or AUTHOR))


@pytest.fixture
async def service() -> Service:
    """Two events in 73.15: one alert each of `sama` and `hapus` is open there, `ubah` wants a third."""
    service = Service()
    await service.books.replace_directory(CONTENTS, START, by=OPERATOR)
    for hour in (0, 1):
        await service.report(hour, hour + 1)
    return service


async def test_a_preview_tells_all_and_writes_nothing(service):
    found = await approval(service).preview(rules(*NEW))
    preview = found.preview
    assert (found.outcome, preview.told) == ("previewed", 1)
    assert (preview.revision.added, preview.revision.removed) == (("baru",), ("hapus",))
    assert (preview.revision.changed, preview.revision.rebuilt) == (
        {"ubah": ("alert_when",)},
        ("baru", "ubah"),
    )
    assert (preview.opened, preview.hidden) == ({"baru": 1, "ubah": 1}, {})
    assert [(alert.rule, alert.reason) for alert in preview.open_alerts] == [("hapus", "rule_removed")]
    assert await service.store.get("rules", ["pending"]) == [None]
    assert len(await service.store.read(BEGINNING, 10)) == 2


async def test_it_comes_into_force_with_the_credentials_that_proposed_and_approved(service):
    assert (await put(service, rules(*NEW))).outcome == "after_the_past"
    await service.judge()
    in_force = await service.books.follow()
    assert (in_force.author, in_force.approved_by) == ("user:penulis", "user:penyetuju")
    assert (await put(service, rules(*NEW))).outcome == "no_difference"


async def test_what_was_compared_with_other_rules_does_not_follow(service):
    """Between the comparison and the write another rule set came into force."""
    words = [msgspec.structs.replace(one, title="Lain", version=one.version + "'") for one in OLD]
    looked = await approval(service).compare(rules(*NEW).value)
    assert (await put(service, rules(*words))).outcome == "at_once"
    await service.judge()
    late = await approval(service).put_in_force(rules(*NEW).value, looked, **AUTHOR)
    assert late.outcome == "changed_meanwhile"
    assert await service.store.get("rules", ["pending"]) == [None]


async def test_too_many_people_need_a_yes_with_the_number(service):
    """Law: docs/specification/rules.md#reload."""
    assert (await put(service, rules(*NEW), max_told=0)).outcome == "too_many_told"
    assert await service.store.get("rules", ["pending"]) == [None]
    assert (
        service.metrics.registry.get_sample_value("siaga_rules_rejected_total", {"reason": "too_many_told"})
        == 1
    )
    agreed = await put(service, rules(*NEW), max_told=0, **AUTHOR, yes=1)
    assert agreed.outcome == "after_the_past"


async def test_a_file_with_errors_changes_nothing(service):
    findings = Findings()
    findings.add("no_rule_files", at_start("rules"))
    broken = loaded(RuleSet({}, {}), RuleSet({}, {}), findings)
    found = approval(service).refuse(broken)
    assert (found.outcome, found.preview, len(found.findings)) == ("invalid", None, 1)
    assert service.metrics.registry.get_sample_value("siaga_rules_rejected_total", {"reason": "invalid"}) == 1


async def test_words_alone_are_in_force_at_once_and_keep_every_window(service):
    words = [msgspec.structs.replace(one, title="Lain", version=one.version + "'") for one in OLD]
    assert (await put(service, rules(*words))).outcome == "at_once"
    await service.judge()
    tenures = (await service.books.follow()).tenures
    assert {tenure.before for tenure in tenures.values()} == {None}
    await service.report(2, 3)
    (third,) = [alert for alert in await service.alerts() if alert.rule.id == "ubah"]
    assert (third.evidence_count, third.rule.title, third.rule.author) == (3, "Lain", "user:penulis")


async def test_a_rebuild_sees_what_lies_in_the_archive(tmp_path: Path):
    """The stream was trimmed behind the old rules' horizon; a rule with a longer window reads the archive."""
    service = Service(tmp_path / "archive")
    for day in (0, 1, 9):
        await service.report(24 * day, day)
    archive = Archive(tmp_path / "archive", "uji")
    archivist = EventArchiver(service.store, service.clock, service.metrics, archive, lambda: DAY)
    while await archivist.turn():
        pass
    assert len(await service.store.read(BEGINNING, 10)) < 3
    long = rule("ubah", Count(3, 30 * DAY))
    found = await put(service, rules(long))
    assert (found.preview.opened, found.preview.judges_from) == ({"ubah": 1}, {})
    await service.judge()
    (opened,) = [alert for alert in await service.alerts() if alert.rule.version == long.version]
    assert [one.id for one in opened.evidence] == ["e0", "e1", "e9"]
    archivist.release()


async def test_a_rule_says_from_when_on_it_sees_all_it_needs(tmp_path: Path):
    """Without the archive what was trimmed is missing: it can judge a window's length after what is left begins."""
    service = Service()
    for day in (0, 1, 9):
        await service.report(24 * day, day)
    archivist = EventArchiver(
        service.store, service.clock, service.metrics, Archive(tmp_path / "archive", "uji"), lambda: DAY
    )
    while await archivist.turn():
        pass
    archivist.release()
    found = await approval(service).preview(rules(rule("ubah", Count(3, 30 * DAY))))
    assert found.preview.judges_from == {"ubah": await service.history.whole_since() + 30 * DAY}
    assert START + DAY < await service.history.whole_since() < service.clock.now()
    assert found.preview.opened == {}
