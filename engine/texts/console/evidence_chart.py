"""The evidence of an alert drawn over time against its limit, as SVG of its own.

Here: what is drawn, and the drawing: pure, values in, SVG out. Not here: the words beside it and the table behind it
(`texts.console.alert_story`). The drawing has no letters, so that it may be stretched to any width; what it says stands
in its title and description, and each length in it is a whole number of a canvas of 1000 by 200.

Three things can be drawn honestly of what an alert carries: a count within a window as steps, a silence as a bar, and
else the reports themselves, each at its time. Figures of reports (turnout, displaced) are no part of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, NamedTuple

from markupsafe import Markup

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import HOUR, Instant, Millis
from engine.core.judging.judgement import Evidence
from engine.texts.event_list import silent_since

WIDTH, HEIGHT, MARGIN = 1_000, 200, 24
SHORTEST: Millis = HOUR
"""A drawing spans at least this long."""

FIELDS: Mapping[str, Callable[[Evidence], Hashable]] = {
    "incident": lambda e: e.incident,
    "kind": lambda e: e.kind,
    "region": lambda e: e.region,
    "source.desk": lambda e: e.desk,
    "source.token": lambda e: e.token or None,
    "subject.role": lambda e: e.subject_role,
}
"""What an alert keeps of the fields that a rule may count the different values of."""

ChartForm = Literal["count", "silence", "reports"]


class ChartPoint(NamedTuple):
    """A report: when it happened, its severity (1-4), and the figure that it made."""

    at: Instant
    severity: int
    figure: float


class Chart(NamedTuple):
    """What is drawn: points in order of time over [since, until], the steps of the figure, the limit (None: none)."""

    form: ChartForm
    since: Instant
    until: Instant
    points: tuple[ChartPoint, ...]
    steps: tuple[tuple[Instant, float], ...]
    limit: float | None

    @property
    def highest(self) -> float:
        """The highest figure drawn."""
        return max((figure for _, figure in self.steps), default=0.0)


def chart_of(alert: Alert, at: Instant, distinct: Sequence[str] = ()) -> Chart | None:
    """Return what can be drawn of an alert at an instant; None where there is nothing.

    `distinct` are the fields whose different values its rule counts, where they are known.
    """
    until = min(at, alert.resolved_at) if alert.resolved_at is not None else at
    since = silent_since(alert)
    if since is not None:
        length = max(until - since, 0)
        return Chart("silence", since, until, (), ((since, 0.0), (until, float(length))), alert.limit)
    evidence = sorted((e for e in alert.evidence if not e.title), key=lambda e: e.key)
    if not evidence:
        return None
    ends = max(until, evidence[-1].occurred_at)
    begins = min(evidence[0].occurred_at, until - SHORTEST)
    begins -= (ends - begins) // 25
    steps = _counted(alert, evidence, ends, distinct)
    if steps:
        points = tuple(
            ChartPoint(e.occurred_at, e.severity, _figure_at(steps, e.occurred_at)) for e in evidence
        )
        return Chart("count", begins, ends, points, steps, alert.limit)
    if len(evidence) < 2:
        return None
    points = tuple(ChartPoint(e.occurred_at, e.severity, n) for n, e in enumerate(evidence, start=1))
    return Chart("reports", begins, ends, points, tuple((p.at, p.figure) for p in points), None)


Steps = tuple[tuple[Instant, float], ...]


def _counted(alert: Alert, evidence: Sequence[Evidence], until: Instant, distinct: Sequence[str]) -> Steps:
    """Return the figure of a counting rule as steps; none where what the alert keeps does not add up to its figure."""
    rule, within = alert.rule, alert.rule.within
    if within is None or alert.limit is None or alert.figure is None:
        return ()
    if rule.condition == "count":
        values: list[Hashable] = list(range(len(evidence)))
    elif rule.condition == "distinct" and distinct and FIELDS.keys() >= set(distinct):
        values = [tuple(FIELDS[field](e) for field in distinct) for e in evidence]
    else:
        return ()
    steps = window_steps(
        [(e.occurred_at, value) for e, value in zip(evidence, values, strict=True)], within, until
    )
    return steps if _figure_at(steps, evidence[-1].occurred_at) == alert.figure else ()


def window_steps(values: Sequence[tuple[Instant, Hashable]], within: Millis, until: Instant) -> Steps:
    """Return how many different values lie in (t - within, t] as steps: from each instant on, the number that holds."""
    bounds = {instant for instant, _ in values}
    bounds |= {instant + within for instant in bounds if instant + within <= until}
    return tuple(
        (bound, float(len({value for instant, value in values if bound - within < instant <= bound})))
        for bound in sorted(bounds)
    )


def _figure_at(steps: Steps, at: Instant) -> float:
    return [figure for instant, figure in steps if instant <= at][-1]


def svg(chart: Chart, title: str, description: str) -> Markup:
    """Draw a chart. `title` and `description` say in words what it shows."""
    top = max(chart.highest, chart.limit or 0.0, 1.0)
    head = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-labelledby="chart-title chart-text"><title id="chart-title">{}</title><desc id="chart-text">{}</desc>'
    ).format(WIDTH, HEIGHT, title, description)

    def x(instant: Instant) -> int:
        span = max(chart.until - chart.since, 1)
        return MARGIN + round((WIDTH - 2 * MARGIN) * (instant - chart.since) / span)

    def y(figure: float) -> int:
        return HEIGHT - MARGIN - round((HEIGHT - 2 * MARGIN) * figure / top)

    parts = [head, _line("axis", MARGIN, y(0), WIDTH - MARGIN, y(0))]
    if chart.form == "silence":
        width = max(round((WIDTH - 2 * MARGIN) * chart.highest / top), 1)
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
                MARGIN, HEIGHT // 3, width, HEIGHT // 3
            )
        )
        if chart.limit is not None:
            at = MARGIN + round((WIDTH - 2 * MARGIN) * chart.limit / top)
            parts.append(_line("limit", at, MARGIN, at, HEIGHT - MARGIN))
    else:
        if chart.form == "count":
            parts.append(_steps(chart, x, y))
        if chart.limit is not None:
            parts.append(_line("limit", MARGIN, y(chart.limit), WIDTH - MARGIN, y(chart.limit)))
        # A line without length and with round ends is a dot, and stays round when the drawing is stretched.
        parts += [
            _line(
                f"dot level-dot-{point.severity}", x(point.at), y(point.figure), x(point.at), y(point.figure)
            )
            for point in chart.points
        ]
    return Markup("").join([*parts, Markup("</svg>")])


def _steps(chart: Chart, x: Callable[[Instant], int], y: Callable[[float], int]) -> Markup:
    figure, places = 0.0, []
    for instant, next_ in chart.steps:
        if instant > chart.until:
            break
        places += [f"{x(instant)},{y(figure)}", f"{x(instant)},{y(next_)}"]
        figure = next_
    places.append(f"{x(chart.until)},{y(figure)}")
    return Markup('<polyline class="steps" points="{}"/>').format(" ".join(places))


def _line(kind: str, x1: int, y1: int, x2: int, y2: int) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)
