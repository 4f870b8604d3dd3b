"""Edits of the directory change what they name and nothing else."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.directory import (
    Assignment,
    Directory,
    Duty,
    HolderSpan,
    added,
    assigned,
    marked,
    removed,
    rostered,
    without,
)
from tests.unit.alerting.cases import CONTENTS, OFFICES, START

NAMES = st.sampled_from(sorted(OFFICES))
CHANNELS = st.sampled_from(["sms", "email", "webhook"])


@given(name=NAMES, channels=st.lists(CHANNELS, min_size=1, max_size=5))
def test_a_contact_that_is_added_comes_last_does_not_count_yet_and_goes_without_trace(name, channels):
    contents = CONTENTS
    made = []
    for channel in channels:
        contents, contact = added(contents, name, channel, "baru")
        made.append(contact)
        person = Directory(contents).person(name)
        assert person.contacts[-1] == contact
        assert contact not in person.reachable
        assert contact.priority == max(c.priority for c in person.contacts)
        verified = Directory(marked(contents, {contact.id}, verified=True)).contact(contact.id)
        assert verified == msgspec.structs.replace(contact, verified=True)
    assert len({contact.id for contact in made}) == len(made)
    for contact in made:
        contents = removed(contents, contact.id)
    assert contents == CONTENTS


@given(name=NAMES)
def test_who_is_taken_out_is_named_nowhere(name):
    left = without(CONTENTS, name)
    assert name not in {person.id for person in left.people}
    assert name not in {one.person for one in (*left.assignments, *left.roster)}
    assert len(left.people) == len(CONTENTS.people) - 1


def test_a_new_holder_and_a_shift_are_found_at_once():
    held = Assignment(region="73.15", role="sekda", person="bkpsdm", status="plh", valid=HolderSpan(START))
    duty = Duty(region="73.15", role="sekda", person="dirjen", valid=HolderSpan(START, START + 1))
    directory = Directory(rostered(assigned(CONTENTS, held), duty))
    assert list(directory.occupants("73.15", "sekda", START)) == [
        ("dirjen", "on_duty"),
        ("bkpsdm", "holder"),
    ]
