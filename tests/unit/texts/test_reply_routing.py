"""What a text leads to, line by line, and never more than was sent to the phone.

Specification: docs/specification/escalation.md#reply-grammar, #texts-without-their-code, #replies.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY, HOUR
from engine.texts.conversation import Conversation, RecordedAct, SentCode
from engine.texts.reply_code import DIGITS, LETTERS, valid, written
from engine.texts.reply_parser import WORDS, read
from engine.texts.reply_routing import Answers, Stops, UnusableText, dialogue

NOW = 1_732_500_000_000
ONE = SentCode(code="K7QR", alerts=("one",), told_at=NOW - HOUR)
TWO = SentCode(code="A2AA", alerts=("two",), told_at=NOW)
THREE = SentCode(code="B2AB", alerts=("three",), told_at=NOW - 2 * HOUR)
FOUR = SentCode(code="A3AC", alerts=("four",), told_at=NOW - 3 * HOUR)
DIGEST = SentCode(code="A2BD", alerts=("one", "two", "three"), told_at=NOW - 2 * HOUR, digest=True)


def outcome(text: str, *codes: SentCode, unresolved=("one", "two", "three", "four"), now: int = NOW):
    return dialogue(read(text), Conversation(codes=codes), frozenset(unresolved), now)


def acts(alert: str, said: str, code: str, **more) -> Answers:
    return Answers(acts=(RecordedAct(alert=alert, said=said, code=code, **more),))


def test_the_code_says_which_alert():
    assert outcome("TERIMA K7QR", ONE, TWO) == acts("one", "taken", "K7QR", coded=True)
    assert outcome("a2aa selesai", ONE, TWO) == acts("two", "resolved", "A2AA", coded=True)


def test_without_a_code_the_only_open_alert_is_meant():
    assert outcome("terima", ONE) == acts("one", "taken", "K7QR")
    assert outcome("terima", ONE, TWO, unresolved=["two"]) == acts("two", "taken", "A2AA")
    assert outcome("teruskan bpbd", ONE) == acts("one", "delegated", "K7QR", to="bpbd")


def test_without_a_code_and_several_open_the_newest_three_are_listed():
    assert outcome("terima", ONE, TWO) == UnusableText(why="which", codes=("A2AA", "K7QR"))
    assert outcome("terima", FOUR, ONE, TWO, THREE) == UnusableText(
        why="which", codes=("A2AA", "K7QR", "B2AB")
    )


def test_without_a_code_and_none_open():
    assert outcome("terima") == UnusableText(why="nothing_open")
    assert outcome("terima", ONE, unresolved=[]) == UnusableText(why="nothing_open")


def test_an_old_code_touches_no_other_alert():
    assert outcome("terima K7QR", ONE, TWO, unresolved=["two"]) == UnusableText(why="old_code")


@pytest.mark.parametrize("text", ["terima A2AA", "terima K7QX", "terima K0QI", "K7QX", "A2AA"])
def test_a_code_that_was_not_sent_to_this_phone_touches_no_alert(text):
    assert outcome(text, ONE) == UnusableText(why="unknown_code")


@pytest.mark.parametrize("text", ["K7QR", "apa ini?", "", "terima kasih", "bantuan", "? K7QR"])
def test_what_is_no_answer_gets_help_with_the_code(text):
    assert outcome(text, ONE) == UnusableText(why="help", codes=("K7QR",))


def test_help_without_any_alert_lists_no_code():
    assert outcome("help") == UnusableText(why="help")


def test_stopping():
    assert outcome("STOP", ONE) == Stops()
    assert outcome("berhenti") == Stops()
    assert outcome("berhenti K7QR", ONE) == Stops(coded=True)
    assert outcome("berhenti K7QR", TWO) == UnusableText(why="unknown_code")


def test_items_of_the_newest_digest():
    assert outcome("1,3 ok; 2 bukan saya", DIGEST) == Answers(
        acts=(
            RecordedAct(alert="one", said="taken", code="A2BD", item=1),
            RecordedAct(alert="three", said="taken", code="A2BD", item=3),
            RecordedAct(alert="two", said="declined", code="A2BD", item=2),
        )
    )
    assert [act.alert for act in outcome("semua ok", DIGEST).acts] == ["one", "two", "three"]


def test_an_unknown_number_is_named_and_the_rest_counts():
    answers = outcome("1,7 ok", DIGEST)
    assert [act.alert for act in answers.acts] == ["one"]
    assert answers.unknown_items == (7,)
    assert outcome("0,7 ok", DIGEST) == UnusableText(why="unknown_items", codes=("A2BD",))


def test_of_two_digests_the_newest_is_meant_unless_its_code_says_otherwise():
    newer = SentCode(code="B2AB", alerts=("four", "two"), told_at=NOW - HOUR, digest=True)
    assert [act.alert for act in outcome("1 ok", DIGEST, newer).acts] == ["four"]
    assert [act.alert for act in outcome("1 ok a2bd", DIGEST, newer).acts] == ["one"]


def test_a_digest_without_its_code_is_meant_for_a_day():
    assert isinstance(outcome("1 ok", DIGEST, now=DIGEST.told_at + DAY - 1), Answers)
    assert outcome("1 ok", DIGEST, now=DIGEST.told_at + DAY) == UnusableText(why="which", codes=("A2BD",))
    assert isinstance(outcome("1 ok A2BD", DIGEST, now=DIGEST.told_at + DAY), Answers)


def test_a_digest_needs_items_and_one_answer_for_each():
    assert outcome("ok A2BD", DIGEST) == UnusableText(why="which_items", codes=("A2BD",))
    assert outcome("1 ok; 1 bukan", DIGEST) == UnusableText(why="which_items", codes=("A2BD",))


def test_items_where_there_is_no_digest():
    assert outcome("1 ok", ONE, TWO) == UnusableText(why="which", codes=("A2AA", "K7QR"))
    assert outcome("1 ok K7QR", ONE) == acts("one", "taken", "K7QR", coded=True)
    assert outcome("2 ok K7QR", ONE) == UnusableText(why="unknown_items", codes=("K7QR",))


def test_an_alert_of_a_digest_and_of_its_own_code_is_one_alert():
    digest = SentCode(code="A2BD", alerts=("one",), told_at=NOW, digest=True)
    assert outcome("terima", digest, ONE) == acts("one", "taken", "K7QR")
    assert outcome("terima", digest) == acts("one", "taken", "A2BD")


codes = st.builds(written, st.text(LETTERS, min_size=2, max_size=3), st.sampled_from(DIGITS))
words = st.sampled_from([phrase for phrases in WORDS.values() for phrase in phrases])
names = st.sampled_from("abcdef")
lines = st.lists(
    st.builds(
        lambda code, alerts, ago, digest: SentCode(
            code=code, alerts=tuple(alerts if digest else alerts[:1]), told_at=NOW - ago * HOUR, digest=digest
        ),
        codes,
        st.lists(names, min_size=1, max_size=4, unique=True),
        st.integers(0, 40),
        st.booleans(),
    ),
    max_size=5,
    unique_by=lambda told: told.code,
).map(tuple)


@given(lines, st.sets(names), st.data())
def test_no_text_touches_an_alert_whose_code_was_not_sent_to_the_phone(told, unresolved, data):
    mine = st.sampled_from([one.code for one in told]) if told else codes
    part = st.one_of(
        words, codes, mine, st.text(max_size=5), st.sampled_from(["1", "2,4", ";", "semua", "pak"])
    )
    text = " ".join(data.draw(st.lists(part, max_size=6)))
    found = outcome(text, *told, unresolved=unresolved)
    if isinstance(found, Answers):
        known = {one.code: one.alerts for one in told}
        assert found.acts
        assert all(act.alert in known[act.code] for act in found.acts)
        assert len({act.alert for act in found.acts}) == len(found.acts)
    elif isinstance(found, UnusableText):
        assert set(found.codes) <= {one.code for one in told}
        assert len(found.codes) <= 3


@given(lines, st.sets(names), st.text(max_size=300))
def test_any_text_has_an_outcome(told, unresolved, text):
    assert isinstance(outcome(text, *told, unresolved=unresolved), Answers | UnusableText | Stops)


@given(st.sets(names), codes, words)
def test_a_strangers_code_never_answers(unresolved, code, word):
    found = outcome(f"{word} {code}", ONE, TWO, DIGEST, unresolved=unresolved)
    assert valid(code)
    assert not isinstance(found, Answers) or code in {"K7QR", "A2AA", "A2BD"}
