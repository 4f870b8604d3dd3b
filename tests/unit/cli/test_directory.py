"""What is exported from the directory is imported again as it was, or refused where its form cannot hold it."""

from datetime import date

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.directory import as_csv, as_document
from engine.core.alerting.directory import (
    ALWAYS,
    Assignment,
    Contact,
    Contents,
    Deputy,
    Duty,
    HolderSpan,
    Person,
)
from engine.core.judging.instant import MINUTE, local_midnight
from engine.documents.directory import load_directory
from engine.errors import SiagaError
from tests.unit.support.country import REGIONS

PLACES = ("33.74", "73.15", "96.01")
DAYS = st.none() | st.dates(min_value=date(2024, 1, 1), max_value=date(2025, 12, 31))


@st.composite
def spans(draw, zone: str) -> HolderSpan:
    first, last = draw(DAYS), draw(DAYS)
    if first and last and last <= first:
        first, last = last, None
    return HolderSpan(
        None if first is None else local_midnight(first, zone),
        None if last is None else local_midnight(last, zone),
    )


@st.composite
def directories(draw) -> Contents:
    people, assignments = [], []
    for number, place in enumerate(draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4))):
        zone = REGIONS.timezone(place)
        name = f"orang-{number}"
        channels = draw(st.lists(st.sampled_from(["sms", "email"]), max_size=3))
        contacts = tuple(
            Contact(
                id=f"{name}/{channel}/{1 + channels[:place_].count(channel)}",
                channel=channel,
                value=f"+62811000{number}{place_:03}"
                if channel == "sms"
                else f"o{number}.{place_}@desk.example",
                priority=draw(st.integers(1, 9)),
                quiet_hours=draw(st.sampled_from(["", "22:00-05:00 local"])),
                delay=draw(st.integers(0, 90)) * MINUTE,
                verified=draw(st.booleans()),
            )
            for place_, channel in enumerate(channels)
        )
        away = tuple(draw(st.lists(spans(zone).filter(lambda span: span != ALWAYS), max_size=2)))
        people.append(
            Person(id=name, language=draw(st.sampled_from(["id", "en"])), contacts=contacts, away=away)
        )
        assignments.append(
            Assignment(
                region=place, role=f"peran_{number}", person=name, status="pj", valid=draw(spans(zone))
            )
        )
    zone = REGIONS.timezone(assignments[0].region)
    start = local_midnight(draw(st.dates(min_value=date(2024, 1, 1), max_value=date(2100, 1, 1))), "UTC")
    duty = Duty(region="96", role="posko", person="orang-0", valid=HolderSpan(start, start + 480 * MINUTE))
    deputies = (
        (Deputy(of="orang-0", deputy=people[-1].id, valid=draw(spans(zone))),) if len(people) > 1 else ()
    )
    return Contents(people=tuple(people), assignments=tuple(assignments), deputies=deputies, roster=(duty,))


@given(contents=directories())
def test_an_export_reads_back_equal(tmp_path_factory, contents):
    file = tmp_path_factory.getbasetemp() / "directory.yaml"
    file.write_text(yaml.safe_dump(as_document(contents, REGIONS), allow_unicode=True))
    loaded = load_directory(file, REGIONS)
    assert [finding for finding in loaded.findings if finding.severity == "error"] == []
    assert loaded.value == contents


def plain(contents: Contents) -> Contents:
    """Return what a CSV can hold of a directory: one phone, one mailbox, no shifts, deputies for good."""
    people = tuple(
        msgspec.structs.replace(
            person,
            away=(),
            contacts=tuple(
                Contact(id=f"{person.id}/{channel}/1", channel=channel, value=found[0], priority=priority)
                for priority, channel in ((1, "sms"), (2, "email"))
                if (found := [c.value for c in person.contacts if c.channel == channel])
            ),
        )
        for person in contents.people
    )
    deputies = tuple(msgspec.structs.replace(deputy, valid=ALWAYS) for deputy in contents.deputies)
    return msgspec.structs.replace(contents, people=people, deputies=deputies, roster=())


@given(contents=directories())
def test_a_csv_reads_back_equal_or_is_refused_whole(tmp_path_factory, contents):
    file = tmp_path_factory.getbasetemp() / "directory.csv"
    with pytest.raises(SiagaError, match=r"Export to a \.yaml file"):
        as_csv(contents, REGIONS)  # it has a shift
    fits = plain(contents)
    file.write_text(as_csv(fits, REGIONS))
    loaded = load_directory(file, REGIONS)
    assert [finding for finding in loaded.findings if finding.severity == "error"] == []
    assert loaded.value == fits
