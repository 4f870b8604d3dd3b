"""The situation: every alert, message and event is in it once, at the place and in the state where it belongs."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.situation import STATES, Period, below, situation
from tests.unit.texts.sample import ALERT, NOW, notification

PERIOD = Period(NOW - 100, NOW)
change = msgspec.structs.replace
INSTANTS = st.integers(-200, 200).map(lambda n: NOW + n)
REGIONS = st.sampled_from(["00", "73", "73.15", "73.15.03", "94", "94.02"])


@st.composite
def alerts(draw):
    detected = draw(INSTANTS)
    resolved = draw(st.none() | st.integers(detected, detected + 200))
    taken = draw(st.none() | st.integers(detected, detected + 200))
    return change(
        ALERT,
        id=draw(st.text("abc", min_size=1, max_size=3)),
        region=draw(REGIONS),
        level=draw(st.integers(1, 4)),
        detected_at=detected,
        acknowledged_at=taken,
        resolved_at=resolved,
        resolved_reason="by_hand" if resolved is not None else "",
        status="resolved" if resolved is not None else "open",
    )


MESSAGES = st.builds(
    lambda state, region, at: change(notification(), state=state, region=region, planned_at=at),
    st.sampled_from(STATES),
    REGIONS,
    INSTANTS,
)


@given(st.lists(alerts(), max_size=12), st.lists(MESSAGES, max_size=12))
def test_numbers_add_up(found, messages):
    whole = situation("00", PERIOD, found, messages)
    before = sum(
        a.detected_at < PERIOD.since and (a.resolved_at is None or a.resolved_at >= PERIOD.since)
        for a in found
    )
    assert before + whole.opened - whole.resolved == len(whole.open)
    assert (
        sum(levels.total() for levels in whole.places().values()) == whole.levels().total() == len(whole.open)
    )
    assert whole.planned == sum(PERIOD.covers(message.planned_at) for message in messages)
    assert {alert.id for alert in whole.untaken} <= {alert.id for alert in whole.open}
    parts = [situation(code, PERIOD, found, messages) for code in ("73", "94")]
    of_nation = [m for m in messages if m.region == "00" and PERIOD.covers(m.planned_at)]
    assert sum(part.planned for part in parts) + len(of_nation) == whole.planned


def test_what_nobody_took_is_listed_the_oldest_first():
    old, new = change(ALERT, id="a", detected_at=NOW - 90), change(ALERT, id="b", detected_at=NOW - 10)
    taken = change(ALERT, id="c", detected_at=NOW - 95, acknowledged_at=NOW - 94)
    later = change(ALERT, id="d", detected_at=NOW - 99, acknowledged_at=NOW + 5)  # taken after the period
    assert [a.id for a in situation("00", PERIOD, [new, taken, old, later], []).untaken] == ["d", "a", "b"]


def test_exercises_and_what_is_hidden_are_no_part_of_it():
    hidden, exercise = change(ALERT, hidden="lain"), change(ALERT, space="exercise")
    assert situation("00", Period(0, NOW + 1), [hidden, exercise], []).open == ()


def test_the_worst_place_stands_first():
    found = [
        change(ALERT, id=str(n), region=code, level=level, detected_at=NOW - 1)
        for n, (code, level) in enumerate(
            [("73.15", 3), ("73.16", 4), ("73.15", 2), ("94.02", 4), ("94.03", 4)]
        )
    ]
    assert list(situation("00", PERIOD, found, []).places()) == ["94", "73"]
    assert list(situation("73", PERIOD, found, []).places()) == ["73.16", "73.15"]


def test_directly_below():
    assert [below(code, "00") for code in ("00", "73", "73.15.03")] == ["00", "73", "73"]
    assert [below(code, "73") for code in ("73", "73.15", "73.15.03.2001")] == ["73", "73.15", "73.15"]
