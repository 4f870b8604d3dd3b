"""The evidence drawn: steps of a count against its limit, the length of a silence, or reports one by one."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.texts.console.evidence_chart import HEIGHT, WIDTH, Chart, ChartPoint, chart_of, svg, window_steps
from tests.unit.texts.sample import ALERT, NOW, THREE, change, evidence

SILENT = change(
    ALERT,
    rule=change(ALERT.rule, condition="silence"),
    evidence=(),
    evidence_count=0,
    limit=float(HOUR),
    window=(NOW - 3 * HOUR, NOW),
)
DISTINCT = change(
    ALERT,
    rule=change(ALERT.rule, condition="distinct"),
    evidence=tuple(change(e, incident=i) for e, i in zip(THREE, ("a", "b", "a"), strict=True)),
    figure=2.0,
)


def figures(chart: Chart) -> list[float]:
    return [point.figure for point in chart.points]


def test_a_count_is_drawn_as_steps_against_its_limit():
    chart = chart_of(ALERT, NOW)
    assert (chart.form, chart.limit, chart.highest) == ("count", 3, 3.0)
    assert figures(chart) == [1.0, 2.0, 3.0]
    assert [point.severity for point in chart.points] == [2, 2, 2]


def test_what_leaves_the_window_counts_no_more():
    later = chart_of(ALERT, NOW + 3 * DAY)
    assert later.steps[-1] == (THREE[0].occurred_at + 7 * DAY, 2.0)


def test_different_values_are_counted_where_the_rule_says_of_which_field():
    assert figures(chart_of(DISTINCT, NOW, ("incident",))) == [1.0, 2.0, 2.0]
    assert chart_of(DISTINCT, NOW, ()).form == "reports"
    assert chart_of(DISTINCT, NOW, ("metrics.tps",)).form == "reports"


def test_what_does_not_add_up_to_the_figure_is_no_count():
    """Evidence that is no longer whole would draw another figure than the one that people were told.

    Law: docs/specification/escalation.md#drawn-evidence.
    """
    chart = chart_of(change(ALERT, figure=9.0), NOW)
    assert (chart.form, chart.limit, figures(chart)) == ("reports", None, [1, 2, 3])


def test_a_silence_is_a_bar_until_now_and_ends_with_the_alert():
    chart = chart_of(SILENT, NOW)
    assert (chart.form, chart.highest, chart.limit) == ("silence", 3.0 * HOUR, HOUR)
    closed = change(SILENT, status="resolved", resolved_at=NOW - HOUR)
    assert chart_of(closed, NOW).highest == 2.0 * HOUR


def test_one_report_without_a_limit_is_nothing_to_draw():
    event = change(ALERT.rule, condition="every_event", within=None)
    alone = change(ALERT, rule=event, limit=None, figure=None, evidence=THREE[:1], evidence_count=1)
    assert chart_of(alone, NOW) is None
    assert chart_of(change(alone, evidence=(evidence(1, NOW), evidence(2, NOW))), NOW).form == "reports"


def test_the_drawing_says_what_it_shows_and_holds_no_word_or_style():
    drawn = svg(chart_of(ALERT, NOW), "Laporan <7 hari>", "Tertinggi 3 & ambang 3")
    root = ET.fromstring(drawn)  # noqa: S314 -- our own drawing
    assert [child.text for child in root[:2]] == ["Laporan <7 hari>", "Tertinggi 3 & ambang 3"]
    assert root.get("aria-labelledby") == "chart-title chart-text"
    assert "style" not in drawn
    assert len(root.findall("./line[@class='limit']")) == 1
    assert len(root.findall("./line[@class='dot level-dot-2']")) == 3
    limit, top = root.find("./line[@class='limit']"), root.findall("./line[@class='dot level-dot-2']")[-1]
    assert limit.get("y1") == top.get("y1")  # the third report reached the limit of three
    steps = [tuple(map(int, place.split(","))) for place in root.find("./polyline").get("points").split()]
    assert all(
        one[0] <= other[0] and (one[0] == other[0] or one[1] == other[1]) for one, other in pairwise(steps)
    )


def test_the_bar_of_a_silence_is_beyond_its_limit():
    root = ET.fromstring(svg(chart_of(SILENT, NOW), "t", "d"))  # noqa: S314 -- our own drawing
    bar, limit = root.find("./rect"), root.find("./line[@class='limit']")
    assert int(bar.get("x")) + int(bar.get("width")) > int(limit.get("x1")) == int(limit.get("x2"))


INSTANTS = st.lists(st.integers(NOW - 30 * DAY, NOW), min_size=1, max_size=40)


@given(INSTANTS, st.integers(1, 10 * DAY), st.integers(0, 5), st.floats(0, 1e6, allow_nan=False))
def test_nothing_is_drawn_outside_of_the_canvas(instants, within, later, limit):
    steps = window_steps([(instant, n) for n, instant in enumerate(instants)], within, NOW + later)
    points = tuple(ChartPoint(instant, 2, 1.0) for instant in sorted(instants))
    drawn = svg(Chart("count", min(instants), NOW + later, points, steps, limit), "t", "d")
    lengths = [float(text) for text in re.findall(r'[xy][12]="(-?[\d.]+)"', drawn)]
    places = re.search(r'points="([^"]*)"', drawn).group(1).replace(",", " ").split()
    assert all(0 <= length <= max(WIDTH, HEIGHT) for length in [*lengths, *map(float, places)])


@given(INSTANTS, st.integers(1, 10 * DAY), st.integers(0, 40 * DAY))
def test_the_steps_hold_what_a_count_over_the_window_holds(instants, within, age):
    steps = window_steps([(instant, n) for n, instant in enumerate(instants)], within, NOW)
    at = NOW - age
    held = [figure for instant, figure in steps if instant <= at]
    assert (held[-1] if held else 0) == sum(at - within < instant <= at for instant in instants)


def test_a_drawing_spans_at_least_an_hour():
    chart = chart_of(change(ALERT, evidence=tuple(evidence(n, NOW - MINUTE) for n in range(3))), NOW)
    assert chart.until - chart.since >= HOUR
