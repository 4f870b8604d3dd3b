"""The main job end to end, over real processes and servers: the facts of 2024, undisturbed and disturbed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.cli.case import credentials_in
from engine.cli.common.storage import storage
from engine.cli.policy_staff.explain import history_lines
from engine.core.alerting.alert import Alert, HistoryEntry
from engine.documents.regions import load_regions
from engine.records.alert_repository import ALERTS, history_log
from engine.records.audit_log import AuditEntry, entries
from engine.records.case_archive import archive_of
from engine.records.case_archive import case_story as story_of
from engine.settings import Settings, load
from engine.simulation.replay import ReplayProgress
from engine.store.codec import decode
from engine.store.port import MARK_LENGTH, Store
from engine.texts.alert_text import AlertText
from engine.texts.alert_text import CaseText as Told
from engine.texts.catalogue import load_catalogue
from engine.texts.console.alert_story import story
from engine.texts.localizer import Localizer
from engine.web.console.page_renderer import console_catalogue
from tests.acceptance.demo.installation import ROOT, Installation, children
from tests.acceptance.demo.privacy import scan

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of `siaga demo --exit`, run once."""
    folder = tmp_path_factory.mktemp("demo")
    runner = Installation(folder)
    settings = [f"paths.var={folder}", f"gateways.outbox.directory={runner.outbox}"]
    options = [part for setting in settings for part in ("--set", setting)]
    subprocess.run(
        runner.command("demo", "--exit", "--port", str(runner.port), *options),
        cwd=ROOT,
        check=True,
        timeout=200,
    )
    summary: dict[str, Any] = json.loads((folder / "demo/summary.json").read_text())
    summary["outbox"] = str(runner.outbox)
    return summary


NOBODY = re.compile(r"\[\]|tidak tercatat|not recorded|(token|user|link|phone|os|gateway|service):")
"""How a line looks that names no credential, or names it as it is kept and not in words."""


async def spoken(store: Store, settings: Settings, alert_id: str) -> list[str]:
    """Return what the page of an alert, its case file and `explain` say of who did each entry, as `[WHO]`."""
    case, history = await story_of(store, archive_of(settings), alert_id)
    messages = tuple(case.notifications.values())
    catalogue = load_catalogue(settings.paths.templates / "texts.yaml")
    texts = catalogue.texts("id")
    voice = Localizer(
        console_catalogue(
            load_catalogue(settings.paths.templates / "texts.yaml"), settings.paths.templates
        ).texts("id"),
        load_regions(settings.paths.regions),
        {},
        case.alert.region,
    )
    told = Told(notification=messages[0], alert=case.alert, notifications=messages, at=history[-1].at)
    page = story(history, AlertText(voice, told), {})
    assert sum(max(1, len(line.more)) for line in page) >= len({(one.name, one.person) for one in history})
    words = credentials_in(settings, case.alert, messages, history)
    assert {entry.by for entry in history} == words.keys()
    return [
        *(f"[{line.who}]" for line in page),
        *(f"[{words[entry.by][language]}]" for entry in history for language in ("id", "en")),
        *(line[line.rindex("[") :] for line in history_lines(history, texts, {}, "Asia/Jakarta")),
    ]


def counts(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name != "outbox"}


def test_every_fact_is_taken_in_and_everything_is_accounted_for(undisturbed: dict[str, Any]) -> None:
    """115 events, none rejected, nothing unaccounted for."""
    assert (undisturbed["events"], undisturbed["rejected"], undisturbed["quarantined"]) == (115, 0, 0)
    assert undisturbed["unaccounted"] == {"alerts": 0, "notifications": 0}


def test_alerts_of_both_upper_levels_open_and_some_climb_while_others_are_stopped(
    undisturbed: dict[str, Any],
) -> None:
    """Siaga and awas occur; fewer second steps start than alerts open, so answers stop some and others climb."""
    assert undisturbed["alerts"]["by_level"]["siaga"] > 0
    assert undisturbed["alerts"]["by_level"]["awas"] > 0
    assert 0 < undisturbed["escalations"]["2"] < undisturbed["escalations"]["1"]
    assert undisturbed["answers"] > 0


def test_every_history_and_audit_entry_names_a_credential_and_the_audit_is_whole(
    undisturbed: dict[str, Any],
) -> None:
    """Nothing in the demo is done by nobody, and every report names who brought it."""
    folder = Path(undisturbed["outbox"]).parent / "demo"
    overrides = ["namespace=demo", f"paths.var={folder}", "clock.mode=lock_step"]
    settings = load(ROOT / "config/siaga.yaml", overrides=overrides)

    async def read() -> tuple[list[AuditEntry], list[HistoryEntry], list[Alert], list[str]]:
        async with storage(settings) as store:
            alerts = [decode(record.value, Alert) for record in (await store.scan(ALERTS)).values()]
            logs = [await store.log(history_log(alert.id)) for alert in alerts]
            histories = [decode(entry, HistoryEntry) for log in logs for entry in log]
            past = archive_of(settings)
            left = [] if past is None else [entry for page in past.audit() for entry in page]
            archived = [msgspec.json.decode(entry[MARK_LENGTH:], type=AuditEntry) for entry in left]
            faces = [line for alert in alerts for line in await spoken(store, settings, alert.id)]
            return [*archived, *[entry async for entry in entries(store)]], histories, alerts, faces

    audit, histories, alerts, faces = asyncio.run(read())
    assert len(audit) > 1_000
    assert len(audit) > len(histories) > len(alerts)
    credential = re.compile(r"(token|user|link|phone|os|gateway|service):\S+")
    nameless = {(e.what, e.subject) for e in audit if not credential.fullmatch(e.by)}
    assert not nameless, sorted(nameless)[:10]
    unnamed = {(e.name, e.by) for e in histories if not credential.fullmatch(e.by)}
    assert not unnamed, sorted(unnamed)[:10]
    assert len(faces) > 2 * len(histories)
    assert not [line for line in faces if NOBODY.search(line)]
    reports = [one for alert in alerts for one in alert.evidence if not one.title]
    assert reports
    assert all(one.token.startswith("token:") for one in reports)
    options = [part for setting in overrides for part in ("--set", setting)]
    verify = [sys.executable, "-m", "engine.cli", "audit", "verify", *options]
    verified = subprocess.run(
        [*verify, "--config", str(ROOT / "config/siaga.yaml")],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, verified.stdout[:5]) == (0, "Utuh:"), verified.stdout + verified.stderr


def test_messages_hold_no_personal_data_of_their_subjects_and_name_a_zone(
    undisturbed: dict[str, Any],
) -> None:
    """Every text message is one part, says no clock time without a zone, and carries no other phone number."""
    texts = sorted(Path(undisturbed["outbox"]).glob("*.sms"))
    assert texts
    for file in texts:
        head, _, body = file.read_text().partition("\n\n")
        assert len(body.strip()) <= 160, body
        said = re.sub(r"\S+/a/\S+", "", body)
        assert re.search(r"\b(WIB|WITA|WIT)\b", said) or not re.search(r"\b\d\d[.:]\d\d\b", said), body
        assert not re.search(r"\+62\d+", body), body
        assert head.startswith("To: +62")


def test_another_server_gives_the_same_summary(
    undisturbed: dict[str, Any], installation: Any, redis_url: str
) -> None:
    """A redis-server reached by its URL makes no difference to the embedded one."""
    runner = installation("url", f"redis.url={redis_url}")
    runner.start()
    _progress, summary = runner.replay()
    assert summary == counts(undisturbed)


def test_a_killed_service_comes_back_and_ends_as_the_undisturbed_one(
    undisturbed: dict[str, Any], installation: Any
) -> None:
    """SIGKILL half-way, service and evaluator; only `duplicates` may differ. A second replay then changes nothing."""
    runner: Installation = installation("killed")
    runner.start()
    left = [30, 57, 90]

    def kill(progress: ReplayProgress) -> None:
        if left and progress.sent >= left[0]:
            left.pop(0)
            runner.kill()
            runner.start()

    _progress, summary = runner.replay(kill)
    assert left == []
    assert {**summary, "duplicates": 0} == counts(undisturbed)
    again, unchanged = runner.replay()
    assert (again.duplicate, again.accepted) == (115, 0)
    assert {**unchanged, "duplicates": 0} == counts(undisturbed)


def test_killing_the_evaluator_changes_nothing(undisturbed: dict[str, Any], installation: Any) -> None:
    """The child that judges is killed three times during the replay; of persons nothing is in logs or metrics."""
    runner: Installation = installation("child", "log.level=debug", "log.format=json")
    runner.start()
    left = [20, 57, 100]

    def kill(progress: ReplayProgress) -> None:
        if left and progress.sent >= left[0]:
            left.pop(0)
            for child in children(runner.pid):
                os.kill(child, signal.SIGKILL)

    _progress, summary = runner.replay(kill)
    assert left == []
    assert summary == counts(undisturbed)
    assert scan(runner) == {}
