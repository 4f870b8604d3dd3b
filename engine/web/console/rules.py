"""The rules in force: a list in plain sentences, and one rule with its author, tests, last alerts and precision.

Here: these two pages. Not here: trying a changed rule (`console.what_if`) and putting changes in force
(`console.change`).
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path

import msgspec
import yaml
from starlette.responses import Response

from engine.core.alerting.alert import Alert
from engine.core.judging.calendar import Calendar
from engine.core.judging.region import NATION
from engine.core.judging.rule import Rule
from engine.documents.rules.resolved import written
from engine.documents.test_files.rule_tests import SUFFIX, load_rule_tests
from engine.records.alert_lists import WantedList, open_by_rule, precision_in
from engine.texts.catalogue import Texts
from engine.texts.localizer import Localizer
from engine.texts.rule_sentence import memory_sentence, sentence
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import shell_of
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()

PATH = "/console/rules"
NEWEST = 10
"""So many alerts of a rule are shown."""
WIDTH = 100
"""Columns of the written form."""


class RuleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in the list; `open` counts its unresolved alerts in the user's region."""

    id: str
    title: str
    sentence: str
    version: str
    open: int


class RecentAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of a rule, as its page lists it."""

    id: str
    level: int
    place: str
    when: str
    status: str


@router.get(PATH)
async def rules(visit: CurrentUser = visitor("read")) -> Response:
    """List the rules in force, by the file that holds them."""
    siaga, shell = visit.siaga, shell_of(visit.request)
    texts = shell.catalogue.texts(visit.language)
    in_force = await siaga.books.follow()
    counts = await open_by_rule(siaga.store, visit.scope.region, siaga.books.rule_set.rules)
    by_file = sorted(siaga.books.rule_set.rules.values(), key=lambda rule: (_theme(rule), rule.title))
    themes = [
        (
            theme,
            [
                RuleLine(
                    id=rule.id,
                    title=rule.title,
                    sentence=sentence(rule, texts, siaga.kind_names),
                    version=rule.version,
                    open=counts[rule.id],
                )
                for rule in found
            ],
        )
        for theme, found in groupby(by_file, key=_theme)
    ]
    voice = Localizer(texts, siaga.books.regions, siaga.kind_names, visit.scope.region)
    return shell.page(
        visit.request,
        "rules.html.j2",
        visit=visit,
        themes=themes,
        in_force=in_force,
        since=voice.moment(in_force.at) if in_force.at is not None else "",
        count=len(by_file),
        may_change=may_change(visit),
    )


@router.get(PATH + "/{rule_id}")
async def rule_page(rule_id: str, visit: CurrentUser = visitor("read")) -> Response:
    """Show one rule."""
    siaga, shell = visit.siaga, shell_of(visit.request)
    texts = shell.catalogue.texts(visit.language)
    in_force = await siaga.books.follow()
    rule = siaga.books.rule_set.rules.get(rule_id)
    if rule is None:
        raise not_found("rule")
    tenure = in_force.tenures.get(rule_id)
    newest = await siaga.desk.page(WantedList(region=visit.scope.region, rule=rule_id), NEWEST)
    tests = await asyncio.to_thread(tests_of, rule, siaga.books.rule_set.calendar)
    return shell.page(
        visit.request,
        "rule.html.j2",
        visit=visit,
        rule=rule,
        sentence=sentence(rule, texts, siaga.kind_names),
        memory=memory_sentence(rule, texts),
        written=yaml.safe_dump(written(rule), sort_keys=False, allow_unicode=True, width=WIDTH),
        file=Path(rule.source.rpartition(":")[0]).name,
        tenure=tenure,
        precision=await precision_in(siaga.store, visit.scope.region, rule_id),
        recent=[_recent(visit, alert, texts) for alert in newest.alerts],
        tests=tests,
        may_change=may_change(visit),
    )


def may_change(visit: CurrentUser) -> bool:
    """Say whether the user may try and approve changes: rules are of the whole nation."""
    return visit.may("policy") and visit.scope.covers(NATION)


def tests_of(rule: Rule, calendar: Calendar) -> list[str]:
    """Return the names of the tests that name a rule, as they lie beside its file now."""
    file = Path(rule.source.rpartition(":")[0])
    beside = file.with_name(file.stem + SUFFIX)
    if not beside.exists():
        return []
    return [
        test.name
        for test in load_rule_tests(beside, calendar).value.tests
        if rule.id in {*(line.rule for line in test.expect), *(line.rule for line in test.check)}
    ]


def _theme(rule: Rule) -> str:
    """Return the name of the file that a rule stands in, as words."""
    words = Path(rule.source.rpartition(":")[0]).stem.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _recent(visit: CurrentUser, alert: Alert, texts: Texts) -> RecentAlert:
    voice = Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, alert.region)
    key = texts.first(f"console.rules.ended.{alert.resolved_reason}", "console.rules.ended")
    return RecentAlert(
        id=alert.id,
        level=alert.level,
        place=voice.place(alert.region),
        when=voice.near_moment(alert.detected_at, visit.siaga.clock.now()),
        status=texts[key if not alert.unresolved else f"console.rules.status.{alert.status}"],
    )
