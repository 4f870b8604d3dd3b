"""The watch: a change of files is announced once, and becomes live by itself only where a setting says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.documents.finding import Findings, at_start
from engine.documents.loaded import Loaded, loaded
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.silences import Silences
from engine.records.audit_log import entries as audited
from engine.records.rule_sets import RuleSet, first_rule_set_write
from engine.rule_sets.proposals import Proposals
from engine.rule_sets.rollout import ALONE, RuleSetRollout
from engine.rule_sets.rule_files import Watch
from engine.runtime.keys import Keys
from tests.acceptance.reload.service import NEW, OLD, POLICIES, Service


class Files:
    """One file, and what is read of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads = 0
        self.hold(OLD)

    def hold(self, of) -> None:
        self.value: Loaded[RuleSet] = Loaded(RuleSet({one.id: one for one in of}, POLICIES))
        self.path.write_text(str(len(of)) + self.path.read_text() if self.path.exists() else "")

    def spoil(self) -> None:
        findings = Findings()
        findings.add("no_rule_files", at_start("rules"))
        self.hold(())
        self.value = loaded(RuleSet({}, {}), RuleSet({}, {}), findings)

    def read(self) -> Loaded[RuleSet]:
        self.reads += 1
        return self.value


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path / "aturan.yaml")


def inbox(service: Service, approval: RuleSetRollout) -> Proposals:
    desk = AlertCommands(service.store, service.clock, service.books, service.metrics)
    silences = Silences(service.store, service.clock, service.books, desk)
    return Proposals(service.store, service.clock, service.books, approval, silences, keys=Keys(b"kunci"))


async def watching(files: Files, *, auto: bool = False, four_eyes: bool = True) -> tuple[Service, Watch]:
    service = Service()
    await service.store.write(first_rule_set_write(service.rule_set, service.clock.now()))
    await service.judge()
    approval = RuleSetRollout(
        service.store, service.clock, service.books, service.metrics, max_told=5, history=service.history
    )
    return service, Watch(
        service.store,
        service.clock,
        service.books,
        service.metrics,
        approval,
        inbox(service, approval),
        read=files.read,
        files=lambda: [files.path],
        auto=auto,
        four_eyes=four_eyes,
    )


def gauges(service: Service) -> tuple[float | None, float | None]:
    value = service.metrics.registry.get_sample_value
    return value("siaga_rule_files_differ"), value("siaga_rule_files_invalid")


async def test_a_change_is_announced_and_not_live(files):
    service, watch = await watching(files)
    await watch.turn()
    assert (watch.sight.files, gauges(service)) == ("in_force", (0, 0))
    files.hold(NEW)
    await watch.turn()
    await watch.turn()
    assert (watch.sight.files, gauges(service), files.reads) == ("differ", (1, 0), 2)
    await service.judge()
    assert set(service.books.rule_set.rules) == {"sama", "ubah", "hapus"}


async def test_errors_are_counted_once_and_what_was_in_force_stays(files):
    service, watch = await watching(files)
    files.spoil()
    await watch.turn()
    await watch.turn()
    assert (watch.sight.files, watch.sight.errors, gauges(service)) == ("invalid", 1, (0, 1))
    assert service.metrics.registry.get_sample_value("siaga_rules_rejected_total", {"reason": "invalid"}) == 1
    files.hold(OLD)
    await watch.turn()
    assert (watch.sight.files, watch.sight.errors, gauges(service)) == ("in_force", 0, (0, 0))


async def test_for_trials_files_follow_alone(files):
    service, watch = await watching(files, auto=True, four_eyes=False)
    files.hold(NEW)
    await watch.turn()
    await service.judge()
    await watch.turn()
    assert (watch.sight.files, set(service.books.rule_set.rules)) == ("in_force", {"sama", "ubah", "baru"})
    in_force = service.books.in_force
    assert (in_force.author, in_force.approved_by) == ("service:files", ALONE)
    said = [entry async for entry in audited(service.store)]
    assert [entry.by for entry in said if entry.what == "rules"][-1] == "service:files/alone"


async def test_with_four_eyes_files_are_proposed_once_and_wait(files):
    service, watch = await watching(files, auto=True)
    files.hold(NEW)
    await watch.turn()
    await watch.turn()
    await service.judge()
    assert set(service.books.rule_set.rules) == {"sama", "ubah", "hapus"}
    (waiting,) = await inbox(service, watch._approval).waiting()
    assert str(waiting.by) == "service:files"


async def test_who_asks_is_looked_at_again(files):
    _, watch = await watching(files)
    await watch.turn()
    watch.look_again()
    await watch.turn()
    assert files.reads == 2
