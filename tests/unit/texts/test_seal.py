"""A name with our seal is one that we gave; no other is."""

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.core.alerting.ids import derive
from engine.texts.answer_link import SEAL_CHARACTERS, seal, unseal

KEY = b"kunci uji"
ids = st.text(max_size=8).map(derive)


@given(ids, st.sampled_from([str.lower, str.upper, str.title, lambda name: f" {name}\t"]))
def test_what_comes_back_is_what_went_out(notification_id, changed):
    """Servers between may write it in capitals."""
    assert unseal([KEY], changed(seal(KEY, notification_id))) == notification_id


@given(ids, ids, st.binary(min_size=1))
def test_a_seal_is_for_one_message_and_by_one_key(notification_id, other, key):
    """Who had one message can say nothing of another, nor can another installation."""
    assume(other != notification_id and key != KEY)
    mark = seal(KEY, notification_id).rpartition(".")[2]
    assert len(mark) == SEAL_CHARACTERS
    assert unseal([KEY], f"{other}.{mark}") is None
    assert unseal([key], seal(KEY, notification_id)) is None
    assert unseal([key, KEY], seal(KEY, notification_id)) == notification_id


@given(st.text(max_size=60))
def test_whatever_is_written_instead_is_nobodys(name):
    """Signs of any kind, no dot, an id alone."""
    assert unseal([KEY], name) is None
