"""One phone: its codes over time, and the counts behind the dialogue."""

from engine.core.judging.instant import DAY, HOUR
from engine.texts.conversation import (
    BEGUN_FOR,
    BEGUN_KEPT,
    HEARD_KEPT,
    AppliedText,
    Begun,
    Conversation,
    RecordedAct,
    SentCode,
    begin,
    close,
    hear,
    reply,
    told,
)

NOW = 1_732_500_000_000


def line_of(*alerts: str) -> Conversation:
    return Conversation(codes=tuple(SentCode(code=f"K7{a}R", alerts=(a,), told_at=NOW) for a in alerts))


def test_a_code_is_kept_ninety_days_after_its_alert_was_closed():
    line = line_of("a", "b")
    closed = close(line, {"a": NOW + 5}, NOW + 10)
    assert closed.of("a").closed_at == NOW + 5
    assert closed.of("b").closed_at is None
    assert close(closed, {}, NOW + 5 + 90 * DAY - 1) == closed
    assert close(closed, {}, NOW + 5 + 90 * DAY).of("a") is None
    assert close(closed, {}, NOW + 5 + 90 * DAY).of("b") is not None


def test_a_digest_is_closed_with_the_last_of_its_alerts():
    line = Conversation(codes=(SentCode(code="K7QR", alerts=("a", "b"), told_at=NOW, digest=True),))
    assert close(line, {"a": NOW + 1}, NOW + 2) == line
    assert close(line, {"a": NOW + 1, "b": NOW + 3}, NOW + 4).by_code("K7QR").closed_at == NOW + 3


def test_five_replies_that_recorded_nothing_are_the_last_until_something_is_recorded_or_told():
    line = line_of("a")
    for number in range(5):
        assert line.speaks
        line = reply(hear(line, f"t{number}", recorded=False))
    assert not line.speaks
    assert hear(line, "t", recorded=True).speaks
    assert told(line, notice=True).speaks
    assert not told(line, notice=False).speaks


def test_the_newest_texts_are_remembered():
    line = Conversation()
    for number in range(HEARD_KEPT + 1):
        line = hear(line, f"t{number}", recorded=True)
    assert len(line.heard) == HEARD_KEPT
    assert "t0" not in line.heard
    assert "t1" in line.heard


# --- what is remembered ends ------------------------------------------------------------------------------------------

ACTS = (
    RecordedAct(alert="a", code="K7QR", said="taken", item=1),
    RecordedAct(alert="b", code="K7QR", said="taken", item=2),
)


def begun(text: str, at: int = 0) -> Begun:
    return Begun(text=text, turn=0, at=at, acts=ACTS, done=(AppliedText(reason="taken"),))


def test_a_text_that_is_never_brought_again_is_forgotten():
    line = begin(Conversation(), begun("t", at=HOUR))
    assert close(line, {}, HOUR + BEGUN_FOR - 1).begun_of("t") is not None
    assert close(line, {}, HOUR + BEGUN_FOR).begun == ()


def test_of_many_texts_that_were_begun_the_newest_are_remembered():
    line = Conversation()
    for number in range(BEGUN_KEPT + 1):
        line = begin(line, begun(f"t{number}"))
    assert [one.text for one in line.begun] == [f"t{number}" for number in range(1, BEGUN_KEPT + 1)]


def test_a_text_that_ended_is_begun_no_more():
    line = hear(begin(begin(Conversation(), begun("t")), begun("u")), "t", recorded=True)
    assert [one.text for one in line.begun] == ["u"]
    assert line.heard == ("t",)
