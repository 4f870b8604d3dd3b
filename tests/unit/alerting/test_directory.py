"""Who holds an office, and whom a target resolves to (docs/specification/escalation.md#directory)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.directory import (
    Assignment,
    Contents,
    Deputy,
    Directory,
    Duty,
    FoundHolder,
    HolderSpan,
    Passed,
    Person,
    place_of,
    resolve,
)
from engine.core.alerting.policy import StepTarget
from tests.unit.alerting.cases import CONTENTS, REGIONS, START, contact, holder, person, target, without

POSKO = FoundHolder(person="posko", capacity="holder", role="posko_nasional", region="00")


def found(contents, named, region="73.15", excluded=None):
    resolution = resolve(Directory(contents), REGIONS, named, region, START, excluded or {})
    return resolution.found


def passed(contents, named, excluded=None):
    resolution = resolve(Directory(contents), REGIONS, named, "73.15", START, excluded or {})
    return [(p.person or p.role, p.region, p.reason) for p in resolution.passed]


@given(st.integers(-5, 5), st.one_of(st.none(), st.integers(-5, 5)), st.one_of(st.none(), st.integers(-5, 5)))
def test_a_span_holds_from_its_first_to_before_its_last_instant(at, since, until):
    """[from, until); an open end holds for ever (docs/specification/escalation.md#dates)."""
    expected = at in range(-5 if since is None else since, 6 if until is None else until)
    assert HolderSpan(since, until).covers(at) is expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("definitif", "pj"), 1),
        (("pj", "pjs"), 1),
        (("pjs", "plt"), 1),
        (("plt", "plh"), 1),
        (("plh", "definitif"), 0),
    ],
)
def test_who_acts_for_the_holder_goes_before_the_holder(statuses, expected):
    """plh, plt, pjs, pj, definitif, in this order."""
    both = tuple(
        Assignment(region="73", role="sekda", person=f"p{n}", status=status)
        for n, status in enumerate(statuses)
    )
    assert Directory(Contents(assignments=both)).holder("73", "sekda", START) == f"p{expected}"


def test_among_equals_the_later_valid_from_holds_the_office():
    """Two definitive holders: the newer one."""
    both = (
        holder("new", "sekda", "73", valid=HolderSpan(START - 1)),
        holder("old", "sekda", "73", valid=HolderSpan(START - 9)),
    )
    assert Directory(Contents(assignments=both)).holder("73", "sekda", START) == "new"


def test_an_office_is_vacant_after_its_last_day():
    """A validity that ended holds no more, to the millisecond."""
    directory = Directory(Contents(assignments=(holder("x", "sekda", "73", valid=HolderSpan(None, START)),)))
    assert [directory.holder("73", "sekda", START - 1), directory.holder("73", "sekda", START)] == ["x", None]


def test_the_later_shift_of_the_roster_overrides_an_earlier_one():
    """A later entry wins where two shifts overlap."""
    shifts = tuple(Duty(region="00", role="posko_nasional", person=name) for name in ("early", "late"))
    assert Directory(Contents(roster=shifts)).on_duty("00", "posko_nasional", START) == "late"


def test_duty_goes_before_holder_before_deputies():
    """The occupants in their order, each once."""
    contents = Contents(
        assignments=(holder("h", "sekda", "73"),),
        deputies=(Deputy(of="h", deputy="d1"), Deputy(of="h", deputy="h"), Deputy(of="h", deputy="d2")),
        roster=(Duty(region="73", role="sekda", person="r"),),
    )
    assert list(Directory(contents).occupants("73", "sekda", START)) == [
        ("r", "on_duty"),
        ("h", "holder"),
        ("d1", "deputy"),
        ("d2", "deputy"),
    ]


def test_all_who_bear_an_office_are_named_also_one_whom_another_acts_for():
    """An acting holder does not hide the definitive one, nor the deputies of either."""
    contents = Contents(
        assignments=(holder("h", "sekda", "73"), holder("acting", "sekda", "73", status="plh")),
        deputies=(Deputy(of="h", deputy="d"),),
        roster=(Duty(region="73", role="sekda", person="r"),),
    )
    assert Directory(contents).bearers("73", "sekda", START) == {"h", "acting", "d", "r"}


@pytest.mark.parametrize(
    ("at", "region", "expected"),
    [
        ("region", "73.15", "73.15"),
        ("province", "73.15", "73"),
        ("nation", "73.15", "00"),
        ("province", "00", "00"),
        ("73.72", "73.15", "73.72"),
    ],
)
def test_a_target_is_looked_for_at_its_level(at, region, expected):
    """Region, province, nation, or a code."""
    assert place_of(StepTarget(role="sekda", at=at), region) == expected


def test_a_holder_who_can_be_reached_is_found():
    """The simple case."""
    expected = FoundHolder(person="sekda", capacity="holder", role="sekda", region="73.15")
    assert found(CONTENTS, target("sekda")) == expected


def test_a_vacant_office_falls_to_the_same_role_at_the_parent():
    """The office passed over is named."""
    contents = without("sekda")
    assert found(contents, target("sekda")).person == "sekda-prov"
    assert passed(contents, target("sekda")) == [("sekda", "73.15", "vacant")]


def test_a_role_that_nobody_has_anywhere_falls_to_the_national_posko():
    """The last resort, after regency, province and nation."""
    assert found(CONTENTS, target("satpolpp")) == POSKO
    assert passed(CONTENTS, target("satpolpp")) == [("satpolpp", c, "vacant") for c in ("73.15", "73", "00")]


def test_without_fallback_nobody_is_found():
    """`fallback: none` looks only at the office itself."""
    assert found(without("sekda"), target("sekda", fallback="none")) is None


def test_a_named_person_never_falls_back():
    """`{person: id}` is that person or nobody."""
    assert found(CONTENTS, StepTarget(person="sekda")).capacity == "person"
    assert found(CONTENTS, StepTarget(person="nobody")) is None


@pytest.mark.parametrize(
    ("changes", "excluded", "reason"),
    [
        ({"away": (HolderSpan(START, START + 1),)}, {}, "away"),
        ({"contacts": ()}, {}, "no_contact"),
        ({"contacts": (contact("sekda", "sms", verified=False),)}, {}, "no_contact"),
        ({"contacts": (), "away": (HolderSpan(),)}, {}, "away"),
        ({"away": (HolderSpan(),)}, {"sekda": "declined"}, "declined"),
        ({"contacts": ()}, {"sekda": "conflict_of_interest"}, "conflict_of_interest"),
    ],
)
def test_who_cannot_be_a_recipient_is_passed_over_with_the_first_reason_that_holds(changes, excluded, reason):
    """Conflict of interest, declined, away, no contact, in this order (docs/specification/escalation.md#gates)."""
    people = tuple(p for p in CONTENTS.people if p.id != "sekda")
    contents = Contents(
        people=(*people, person("sekda", **changes) if "contacts" not in changes else _person(changes)),
        assignments=CONTENTS.assignments,
    )
    resolution = resolve(Directory(contents), REGIONS, target("sekda"), "73.15", START, excluded)
    assert resolution.found.person == "sekda-prov"
    assert resolution.passed == (Passed(person="sekda", role="sekda", region="73.15", reason=reason),)


def _person(changes):
    return Person(id="sekda", **changes)


def test_a_deputy_serves_while_the_holder_is_away():
    """The deputies of an absent holder come before the parent's office."""
    contents = Contents(
        people=(person("h", away=(HolderSpan(),)), person("d")),
        assignments=(holder("h", "sekda", "73.15"),),
        deputies=(Deputy(of="h", deputy="d"),),
    )
    expected = FoundHolder(person="d", capacity="deputy", role="sekda", region="73.15")
    assert found(contents, target("sekda")) == expected


@pytest.mark.parametrize("status", ["definitif", "pj", "pjs", "plt", "plh"])
def test_who_is_found_is_found_with_how_the_office_is_held(status):
    """By whoever acts for it now; a deputy as whom they stand in for; who is on duty holds nothing."""
    contents = Contents(
        people=(person("definitive"), person("acting"), person("d"), person("duty")),
        assignments=(
            holder("definitive", "sekda", "73.15"),
            holder("acting", "sekda", "73.15", status=status, valid=HolderSpan(START)),
        ),
        deputies=(Deputy(of="acting", deputy="d"),),
        roster=(Duty(region="73.15", role="posko", person="duty"),),
    )
    one = found(contents, target("sekda"))
    assert (one.person, one.status) == ("acting", status)
    other = found(contents, target("sekda"), excluded={"acting": "declined"})
    assert (other.person, other.capacity, other.status) == ("d", "deputy", status)
    assert found(contents, target("posko")).status == "definitif"
    assert found(contents, StepTarget(person="acting")).status == "definitif"


def test_contacts_are_used_by_priority_then_in_the_order_of_the_file():
    """Unverified ones are left out."""
    contacts = (
        contact("x", "email", 1, priority=2),
        contact("x", "sms", 1, priority=1, verified=False),
        contact("x", "sms", 2, priority=2),
        contact("x", "sms", 3, priority=1),
    )
    assert [c.id for c in Person(id="x", contacts=contacts).reachable] == ["x/sms/3", "x/email/1", "x/sms/2"]
