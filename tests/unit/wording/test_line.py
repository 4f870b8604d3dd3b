"""One phone: its codes over time, and the counts behind the dialogue."""

from hypothesis import given
from hypothesis import strategies as st

from engine.judging.instant import DAY, HOUR
from engine.wording.line import (
    BEGUN_FOR,
    BEGUN_KEPT,
    HEARD_KEPT,
    Act,
    Begun,
    Done,
    Line,
    Told,
    begin,
    close,
    hear,
    reply,
    tell,
)

NOW = 1_732_500_000_000


def told(*alerts: str) -> Line:
    line = Line()
    for alert in alerts:
        line, _ = tell(line, "phone", alert, NOW, notice=True)
    return line


def test_an_alert_keeps_its_code_in_all_messages_to_a_phone():
    line, first = tell(Line(), "phone", "a", NOW, notice=True)
    line, other = tell(line, "phone", "b", NOW + 1, notice=True)
    line, again = tell(line, "phone", "a", NOW + 2, notice=False)
    assert first == again != other
    assert line.of("a") == Told(code=first, alerts=("a",), told_at=NOW + 2)
    assert line.by_code(other) == Told(code=other, alerts=("b",), told_at=NOW + 1)
    assert line.turn == 3


def test_a_code_is_kept_ninety_days_after_its_alert_was_closed():
    line = told("a", "b")
    closed = close(line, {"a": NOW + 5}, NOW + 10)
    assert closed.of("a").closed_at == NOW + 5
    assert closed.of("b").closed_at is None
    assert close(closed, {}, NOW + 5 + 90 * DAY - 1) == closed
    assert close(closed, {}, NOW + 5 + 90 * DAY).of("a") is None
    assert close(closed, {}, NOW + 5 + 90 * DAY).of("b") is not None


def test_a_digest_is_closed_with_the_last_of_its_alerts():
    line = Line(codes=(Told(code="K7QR", alerts=("a", "b"), told_at=NOW, digest=True),))
    assert close(line, {"a": NOW + 1}, NOW + 2) == line
    assert close(line, {"a": NOW + 1, "b": NOW + 3}, NOW + 4).by_code("K7QR").closed_at == NOW + 3


def test_five_replies_that_recorded_nothing_are_the_last_until_something_is_recorded_or_told():
    line = told("a")
    for number in range(5):
        assert line.speaks
        line = reply(hear(line, f"t{number}", recorded=False))
    assert not line.speaks
    assert hear(line, "t", recorded=True).speaks
    assert tell(line, "phone", "b", NOW, notice=True)[0].speaks
    assert not tell(line, "phone", "b", NOW, notice=False)[0].speaks


def test_the_newest_texts_are_remembered():
    line = Line()
    for number in range(HEARD_KEPT + 1):
        line = hear(line, f"t{number}", recorded=True)
    assert len(line.heard) == HEARD_KEPT
    assert "t0" not in line.heard
    assert "t1" in line.heard


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.integers(0, 120)), max_size=30))
def test_no_two_codes_of_a_phone_are_equal_whatever_is_told_and_closed(steps):
    line, now, resolved = Line(), NOW, {}
    for alert, closes, days in steps:
        now += days * DAY
        if closes:
            resolved[alert] = now
        elif alert not in resolved:
            line, _ = tell(line, "phone", alert, now, notice=True)
        line = close(line, resolved, now)
        codes = [one.code for one in line.codes]
        assert len(codes) == len(set(codes))
        assert all(line.of(one) for one in {a for t in line.codes for a in t.alerts})


# --- what is remembered ends ------------------------------------------------------------------------------------------

ACTS = (Act(alert="a", code="K7QR", said="taken", item=1), Act(alert="b", code="K7QR", said="taken", item=2))


def begun(text: str, at: int = 0) -> Begun:
    return Begun(text=text, turn=0, at=at, acts=ACTS, done=(Done(reason="taken"),))


def test_a_text_that_is_never_brought_again_is_forgotten():
    line = begin(Line(), begun("t", at=HOUR))
    assert close(line, {}, HOUR + BEGUN_FOR - 1).begun_of("t") is not None
    assert close(line, {}, HOUR + BEGUN_FOR).begun == ()


def test_of_many_texts_that_were_begun_the_newest_are_remembered():
    line = Line()
    for number in range(BEGUN_KEPT + 1):
        line = begin(line, begun(f"t{number}"))
    assert [one.text for one in line.begun] == [f"t{number}" for number in range(1, BEGUN_KEPT + 1)]


def test_a_text_that_ended_is_begun_no_more():
    line = hear(begin(begin(Line(), begun("t")), begun("u")), "t", recorded=True)
    assert [one.text for one in line.begun] == ["u"]
    assert line.heard == ("t",)
