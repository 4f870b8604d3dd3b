"""Paging through alerts by a cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alerting.alert import Alert, RuleWords
from engine.alerting.policy import Policy
from engine.judging.event import EventKey
from engine.web.alerts import cut
from engine.web.problem import Problem


def alert(alert_id: str, detected_at: int) -> Alert:
    return Alert(
        id=alert_id,
        space="real",
        group="73.15",
        region="73.15",
        ordinal=1,
        rule=RuleWords(id="r", version="1", title="T", short_title="T"),
        policy=Policy(id="p", steps=()),
        status="open",
        level=3,
        happened_at=detected_at,
        detected_at=detected_at,
        evidence=(),
        evidence_count=0,
        floor=EventKey(detected_at, "d", "e"),
    )


alerts = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4), st.integers(min_value=0, max_value=5), max_size=12
).map(lambda instants: [alert(alert_id, at) for alert_id, at in instants.items()])


@given(alerts, st.integers(min_value=1, max_value=5))
def test_pages_show_every_alert_once_newest_first(found: list[Alert], limit: int):
    shown: list[Alert] = []
    page, cursor = cut(found, limit, None)
    shown.extend(page)
    while cursor is not None:
        page, cursor = cut(found, limit, cursor)
        shown.extend(page)
    assert shown == sorted(found, key=lambda a: (-a.detected_at, a.id))


@given(alerts.filter(len), st.integers(min_value=1, max_value=5))
def test_an_alert_that_opens_meanwhile_moves_no_later_page(found: list[Alert], limit: int):
    """A cursor is a place, not a count."""
    _, cursor = cut(found, limit, None)
    if cursor is not None:
        newer = alert("new", 6)
        assert cut([newer, *found], limit, cursor) == cut(found, limit, cursor)


@pytest.mark.parametrize("cursor", ["", "x", "12", "12.", ".abc", "-1.abc", "²3.abc"])
def test_a_cursor_that_no_page_gave_is_a_problem(cursor: str):
    with pytest.raises(Problem) as raised:
        cut([], 10, cursor)
    assert (raised.value.status_code, raised.value.reason) == (422, "invalid_cursor")
