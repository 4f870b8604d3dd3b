"""The page of one alert: what it is, what comes next, its evidence, its story, who was told, whom to call.

Here: the route, and what of the alert a user may see. Not here: what they may do with it (`console.deeds`) and the
words (`texts.console`). Notes and numbers of phones are shown to who may operate, and each look stands in the audit.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from engine.core.alerting.alert import NOTICES, Notification
from engine.core.alerting.answer import needs_confirmation
from engine.core.alerting.delegation import candidates
from engine.core.alerting.phone_list import callees
from engine.core.judging.condition import Distinct
from engine.core.judging.instant import HOUR, MINUTE
from engine.escalation.notes import Notes
from engine.records.alert_repository import Case
from engine.records.audit_log import note_seen
from engine.texts.alert_text import AlertText
from engine.texts.answer_page import procedure
from engine.texts.console.alert_rows import row
from engine.texts.console.alert_story import story
from engine.texts.console.deliveries import deliveries
from engine.texts.console.event_table import reports
from engine.texts.console.evidence_chart import Chart, chart_of, svg
from engine.texts.credential_words import tokens_among
from engine.web.answer_page import procedures_of
from engine.web.api.alerts import case_of
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME, shell_of, teller_of
from engine.web.console.phone_list import ToCall, to_call
from engine.web.console.routing import pages

router = pages()
ALERT = HOME + "/alerts/{alert_id}"
SAYS = ("taken", "declined", "delegated", "resolved", "seen")
SILENT_HOURS = (1, 2, 4, 8, 12, 24)


@router.get(ALERT)
async def alert(alert_id: str, visit: CurrentUser = visitor("read")) -> Response:
    """Show an alert."""
    case = await case_of(visit.request, alert_id, visit.scope, "read")
    return await shown(visit, case)


async def shown(visit: CurrentUser, case: Case, *, refused: str = "") -> Response:
    """Return the page of an alert; `refused` names why what was asked for was not done."""
    shell, siaga, at = shell_of(visit.request), visit.siaga, visit.siaga.clock.now()
    one, operates = case.alert, visit.may("operate")
    teller = teller_of(visit, case, speaker(case, visit.scope.actor))
    chart = chart_of(one, at, _distinct(visit, case))
    entries = await siaga.desk.history(one.id)
    digests = [str(entry.details["note"]) for entry in entries if "note" in entry.details]
    notes = await Notes(siaga.store, siaga.past).texts(one.id, digests) if operates else {}
    if notes:
        await note_seen(siaga.store, at, f"notes/{one.id}", visit.scope.credential)
    named = [*(entry.by for entry in entries), *(evidence.token for evidence in one.evidence)]
    labels = await siaga.tokens.labels(tokens_among(named))
    texts = teller.texts
    return shell.page(
        visit.request,
        "alert.html.j2",
        visit=visit,
        status=409 if refused else 200,
        refused=texts.first(f"console.refused.{refused}", "console.refused.other") if refused else "",
        alert=one,
        row=row(one, texts, siaga.books.regions, siaga.kind_names, at),
        title=teller.title,
        moment=teller.reports.moment(),
        impact=list(teller.reports.impact()),
        why=list(teller.why_now()),
        knows=list(teller.who_knows()),
        after=list(teller.afterwards()),
        guide=next(teller.procedure(), ""),
        guide_text=procedure(await procedures_of(visit.request).text(one.rule.guide)),
        reported=teller.reported(),
        reports=reports(teller),
        drawing=chart and svg(chart, *_said(chart, teller)),
        caption=chart and _said(chart, teller),
        chart=chart,
        story=story(entries, teller, notes, labels),
        deliveries=deliveries(teller),
        callees=await _callees(visit, case) if operates else (),
        people=_people(teller),
        offices=await _offices(visit, case, teller) if operates else (),
        says=SAYS,
        asks=needs_confirmation(one, visit.scope.actor),
        reopens=not one.unresolved and one.resolved_reason == "by_hand" and not one.undone,
        hours=[(hours, teller.voice.duration(hours * HOUR)) for hours in SILENT_HOURS],
        operates=operates and not case.archived,
    )


def speaker(case: Case, user: str) -> Notification:
    """Return the message that the page stands for: one to nobody in particular, of the alert as it is now."""
    one = case.alert
    return Notification(
        id="",
        alert=one.id,
        kind="first",
        person=user,
        contact="",
        channel="email",
        cause=f"{one.id}.0",
        planned_at=one.detected_at,
        level=one.level,
        region=one.region,
    )


def _said(chart: Chart, teller: AlertText) -> tuple[str, str]:
    """Say in a title and a sentence what the drawing shows."""
    texts, voice = teller.texts, teller.voice
    silence = chart.form == "silence"

    def told(figure: float) -> str:
        return voice.duration(round(figure) // MINUTE * MINUTE) if silence else voice.number(figure)

    within = teller.alert.rule.within
    title = texts(
        f"console.chart.{chart.form}",
        limit="" if chart.limit is None else told(chart.limit),
        within="" if within is None else voice.duration(within),
    )
    text = texts(
        "console.chart.text.silence" if silence else "console.chart.text",
        since=voice.short_moment(chart.since),
        until=voice.short_moment(chart.until),
        highest=told(chart.highest),
    )
    return title, text


def _distinct(visit: CurrentUser, case: Case) -> tuple[str, ...]:
    """Return the fields whose different values the alert's rule counts, where that very version is still in force."""
    words = case.alert.rule
    rule = visit.siaga.books.rule_set.rules.get(words.id)
    if rule is None or rule.version != words.version or not isinstance(rule.condition, Distinct):
        return ()
    return rule.condition.of


async def _callees(visit: CurrentUser, case: Case) -> list[ToCall]:
    """Return whom of this alert only a call can reach; that their numbers were looked at stands in the audit."""
    siaga, at = visit.siaga, visit.siaga.clock.now()
    found = callees(case.alert, case.notifications.values(), await siaga.books.surroundings(), at)
    if found:
        await note_seen(siaga.store, at, f"phone_list/{case.alert.id}", visit.scope.credential)
    return [await to_call(visit, callee, case) for callee in found]


def _people(teller: AlertText) -> Mapping[str, str]:
    """Return the offices of those who were told and may answer, by person, in the order in which they were told."""
    told = sorted(teller.notifications, key=lambda n: (n.planned_at, n.informing, n.office, n.role))
    return {n.person: teller.office(n) for n in reversed(told) if n.kind in NOTICES and not n.informing}


async def _offices(visit: CurrentUser, case: Case, teller: AlertText) -> list[tuple[str, str]]:
    """Return to which offices the matter can be passed on: role and title."""
    around = await visit.siaga.books.surroundings()
    found = candidates(case.alert, "", around, visit.siaga.clock.now())
    return [(one.role, teller.voice.office(one.role, one.region)) for one in found]
