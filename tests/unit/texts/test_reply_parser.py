"""What people write back: every word of the grammar, in every order, and any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts.reply_code import DIGITS, LETTERS, written
from engine.texts.reply_parser import COURTESY, LONGEST, NOTHING, STOP, WORDS, Clause, Reply, bare, read

codes = st.builds(written, st.text(LETTERS, min_size=2, max_size=4), st.sampled_from(DIGITS))
phrases = st.sampled_from(
    [(phrase, said) for said, all_ in WORDS.items() for phrase in all_ if said != "delegated"]
)
plain_words = st.sampled_from([phrase for said, all_ in WORDS.items() for phrase in all_ if said != "help"])


def says(said: str, code: str = "", **more) -> Reply:
    return Reply(code=code, clauses=(Clause(said=said, **more),))


GRAMMAR = {
    "taken": "terima ok oke ya siap ambil laksanakan ack accept yes take",
    "resolved": "selesai beres tuntas done resolved close",
    "seen": "baca dibaca seen read",
    "escalate": "naik eskalasi escalate",
    "help": "bantuan help ?",
    "declined": "bukan tolak tidak no decline",
}


@pytest.mark.parametrize(
    ("said", "word"), [(said, word) for said, words in GRAMMAR.items() for word in words.split()]
)
def test_every_word_of_the_grammar_says_what_the_design_has_it_say(said, word):
    assert read(word) == says(said)
    assert read(f"{word} K7QR") == says(said, "K7QR")
    assert read(f"K7QR {word}") == says(said, "K7QR")


@pytest.mark.parametrize("text", ["bukan saya", "Bukan wewenang", "not mine", "BUKAN WEWENANG SAYA"])
def test_phrases_of_several_words(text):
    assert read(text) == says("declined")


@pytest.mark.parametrize(
    "text",
    [
        "TERIMA K7QR",
        "terima k7qr",
        "K7QR terima",
        "Terima K7 QR",
        "k-7-q-r TERIMA",
        "terima K 7 Q R",
        "K7‑QR – terima",
        '"TERIMA" #K7QR!',
        "  terima:\n\tk7qr. ",
        "“Terimá K7QR”",
        "terima, K7QR",
        "siap, Pak. K7QR",
        "ok siap K7QR",
    ],
)
def test_one_answer_written_in_many_ways(text):
    assert read(text) == says("taken", "K7QR")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ";",
        "terima kasih",
        "belum selesai",
        "tidak selesai K7QR",
        "ok?",
        "jangan naik",
        "не ok",
        "oke siap nanti saya kabari",
        "stop terima",
        "1 ok 2 bukan",
        "ok; bukan",
        "semua 1 ok",
        "3-1 ok",
        "1-2-3 ok",
        "1-100 ok",
        "1-3 3-1 ok",
        "teruskan",
        "K7QR teruskan",
        "K7QR M2XT ok",
        "x" * (LONGEST + 1),
        "ok" + " " * LONGEST,
    ],
)
def test_what_is_not_wholly_understood_says_nothing(text):
    assert read(text).clauses == ()
    assert not read(text).stop


@pytest.mark.parametrize("text", ["1-3,5 ok", "1 - 3; 5 ok", "1–3 5 ok", "ok 1 -3 5"])
def test_a_first_and_a_last_number_name_all_between(text):
    named = [item for clause in read(text.replace(";", ",")).clauses for item in clause.items]
    assert named == [1, 2, 3, 5]


def test_a_code_alone_is_no_answer():
    assert read("K7 QR") == Reply(code="K7QR")


def test_a_code_before_a_word_that_could_lengthen_it_is_the_code_alone():
    assert read("K7QR YA") == says("taken", "K7QR")
    assert read("K7 QR BACA") == says("seen", "K7QR")


def test_a_mistyped_code_is_still_what_was_meant():
    assert read("terima K7QX") == says("taken", "K7QX")
    assert read("terima K0QI") == says("taken", "K0QI")


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("teruskan sekda-7315", says("delegated", to="sekda7315")),
        ("K7QR teruskan kesbangpol", says("delegated", "K7QR", to="kesbangpol")),
        ("teruskan K7QR kepada asisten_pem", says("delegated", "K7QR", to="asistenpem")),
        ("Forward to kesbangpol K7 QR.", says("delegated", "K7QR", to="kesbangpol")),
        ("2 teruskan bpbd", says("delegated", items=(2,), to="bpbd")),
    ],
)
def test_delegating_names_whom_it_goes_to(text, reply):
    assert read(text) == reply


def test_a_delegate_is_compared_without_signs():
    assert bare("Asisten_Pem") == bare("asisten pem") == bare("asisten-pem") == "asistenpem"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (
            "1,3 ok; 2 bukan saya",
            Reply(clauses=(Clause(said="taken", items=(1, 3)), Clause(said="declined", items=(2,)))),
        ),
        ("K7QR 1 ok", says("taken", "K7QR", items=(1,))),
        ("ok 1 1 2", says("taken", items=(1, 2))),
        ("semua ok", says("taken", everything=True)),
        ("ALL OK K7QR", says("taken", "K7QR", everything=True)),
        ("ok semua;", says("taken", everything=True)),
    ],
)
def test_items_of_a_digest(text, reply):
    assert read(text) == reply
    assert read(text).by_item


@pytest.mark.parametrize("word", sorted(STOP))
def test_stopping_is_one_word_alone_or_with_a_code(word):
    assert read(f" {word.upper()}! ") == Reply(stop=True)
    assert read(f"{word} K7QR") == read(f"k7 qr {word}") == Reply(stop=True, code="K7QR")
    assert not read(f"jangan {word}").stop


def test_six_digits_alone_are_a_code_of_a_contact():
    assert read("407215") == read("407 215, Pak") == Reply(code="407215")
    assert read("12 13 14 ok") == Reply(clauses=(Clause(said="taken", items=(12, 13, 14)),))
    assert read("407215 ok") == NOTHING


@pytest.mark.parametrize("text", ["C2W BU terima", "terima C2W-BU", "c2wbu terima pak", "Bu, terima C2W BU"])
def test_a_courtesy_word_may_be_the_end_of_a_code(text):
    assert read(text) == says("taken", "C2WBU")


@pytest.mark.parametrize(
    "text", ["terima K7QR pak", "K7QR Bu terima", "Pak terima K7 QR", "bu K7QR terima bu"]
)
def test_a_courtesy_beside_a_right_code_is_no_part_of_it(text):
    assert read(text) == says("taken", "K7QR")


@given(codes, phrases, st.data())
def test_any_phrase_with_any_code_in_any_spelling(code, phrase, data):
    words, said = phrase
    spelt = "".join(character + data.draw(st.sampled_from(["", "", " ", "-", "."])) for character in code)
    both = [
        spelt,
        data.draw(st.sampled_from([words, words.upper(), words.title(), f"{words} pak", f"'{words}'"])),
    ]
    text = " ".join(data.draw(st.permutations(both)))
    reply = read(text)
    # A code spelt in pieces before a word that may belong to it can be read in two ways: then as nothing.
    assert reply == says(said, code) or (reply == NOTHING and spelt != code)


@given(st.text())
def test_any_text_is_read(text):
    assert isinstance(read(text), Reply)


@given(
    st.lists(
        st.one_of(plain_words, codes, st.sampled_from([*COURTESY, *STOP, ";", "1", "2,3", "semua", "apa"])),
        max_size=8,
    )
)
def test_any_sequence_of_words_is_read_and_never_says_what_is_not_written(parts):
    text = " ".join(parts)
    reply = read(text)
    for clause in reply.clauses:
        assert any(phrase in text.lower() for phrase in WORDS[clause.said])
        # An unknown word is nothing, a delegate, or passes for the end of a mistyped code.
        assert "apa" not in parts or clause.said == "delegated" or "APA" in reply.code
