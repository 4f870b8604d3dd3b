"""A name with our seal is one that we gave; no other is."""

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.core.alerting.ids import derive
from engine.texts.answer_link_token import SEAL_CHARACTERS, id_of_signed_name, signed_name

KEY = b"kunci uji"
ids = st.text(max_size=8).map(derive)


@given(ids, st.sampled_from([str.lower, str.upper, str.title, lambda name: f" {name}\t"]))
def test_what_comes_back_is_what_went_out(notification_id, changed):
    """Servers between may write it in capitals."""
    assert id_of_signed_name([KEY], changed(signed_name(KEY, notification_id))) == notification_id


@given(ids, ids, st.binary(min_size=1))
def test_a_seal_is_for_one_message_and_by_one_key(notification_id, other, key):
    """Who had one message can say nothing of another, nor can another installation."""
    assume(other != notification_id and key != KEY)
    mark = signed_name(KEY, notification_id).rpartition(".")[2]
    assert len(mark) == SEAL_CHARACTERS
    assert id_of_signed_name([KEY], f"{other}.{mark}") is None
    assert id_of_signed_name([key], signed_name(KEY, notification_id)) is None
    assert id_of_signed_name([key, KEY], signed_name(KEY, notification_id)) == notification_id


@given(st.text(max_size=60))
def test_whatever_is_written_instead_is_nobodys(name):
    """Signs of any kind, no dot, an id alone."""
    assert id_of_signed_name([KEY], name) is None
