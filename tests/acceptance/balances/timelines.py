"""What may happen to an installation: policies, directories and acts, drawn at random.

Here: strategies, and acts that only make sense while a timeline is played (`Told`, `Reported` and so on). Not here:
playing them (`stage`) and what must hold (`test_balances`).
"""

from itertools import chain
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from engine.core.alerting.directory import Assignment, Contact, Contents, Deputy, Duty, HolderSpan, Person
from engine.core.alerting.policy import (
    Acknowledge,
    Digest,
    Policy,
    PolicyStep,
    Quiet,
    StepCondition,
    StepTarget,
)
from engine.core.alerting.silence import Match
from engine.core.judging.instant import HOUR, MINUTE, SECOND
from engine.documents.test_files.steps import (
    Assign,
    ByHandStep,
    ContactStep,
    GatewayChange,
    OnDuty,
    ReportStep,
    Restarting,
)

START = 1_732_658_400_000
"""27 November 2024, 05:00 WIB, 06:00 WITA, 07:00 WIT."""
OFFICES = {
    "sekda-3171": ("sekda", "31.71"),
    "sekda-7315": ("sekda", "73.15"),
    "camat-7315": ("kesbangpol", "73.15"),
    "sekda-9402": ("sekda", "94.02"),
    "sekda-73": ("sekda", "73"),
    "awas-73": ("inspektorat", "73"),
    "sekda-94": ("sekda", "94"),
    "pusat": ("posko_nasional", "00"),
}
PEOPLE = tuple(OFFICES)
ROLES = ("sekda", "kesbangpol", "inspektorat", "posko_nasional")
REGENCIES = ("31.71", "73.15", "94.02")
RULES = ("naik", "satuan", "surut", "tertutup")
CHANNELS = ("sms", "email", "webhook")


class Happening(NamedTuple):
    """An event is received. `names` counts back to the event that it corrects or refutes (0: none)."""

    kind: str
    region: str
    severity: int
    incident: str
    late: int
    role: str
    exercise: bool
    names: int
    refuted: bool


class Answer(NamedTuple):
    """Somebody answers: the person of a message that went out (`place` counts back), or whoever is named."""

    place: int
    person: str
    says: str
    via: str
    to: str


class Hush(NamedTuple):
    """A silence from `after` to `after + length` milliseconds from now."""

    match: Match
    after: int
    length: int
    include_awas: bool


class Speak(NamedTuple):
    """The silence made as this one (counted back) is ended."""

    place: int


class Leave(NamedTuple):
    """A person is away for so many milliseconds from now."""

    person: str
    length: int


class Meanwhile(NamedTuple):
    """Something is done between the claim of the next message and its last check, or while a gateway takes it."""

    when: str
    act: object


names = st.sampled_from(PEOPLE)
lengths = st.sampled_from([0, SECOND, 16 * SECOND, 5 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 7 * HOUR])
quiet_hours = st.sampled_from(["", "", "", "08:00-10:00 local", "21:00-07:00 local"])
spans = st.builds(
    lambda a, b: HolderSpan(START + a * MINUTE, START + (a + b) * MINUTE),
    st.integers(-60, 600),
    st.integers(1, 600),
)


@st.composite
def people(draw, name):
    """Somebody with up to three contacts, not all of them verified, at times away."""
    channels = draw(st.lists(st.sampled_from(["sms", "sms", "email", "webhook"]), min_size=1, max_size=3))
    number = f"{PEOPLE.index(name):02}"
    values = {"sms": "+62811000{}{}", "email": "o{}-{}@uji.example", "webhook": "https://uji.example/{}/{}"}
    contacts = tuple(
        Contact(
            id=f"{name}/{channel}/{place}",
            channel=channel,
            value=values[channel].format(number, f"{place:02}"),
            priority=place,
            verified=draw(st.sampled_from([True, True, True, False])),
            delay=draw(st.sampled_from([0, 0, 7 * MINUTE])),
            quiet_hours=draw(quiet_hours),
        )
        for place, channel in enumerate(channels, start=1)
    )
    return Person(id=name, contacts=contacts, away=tuple(draw(st.lists(spans, max_size=1))))


@st.composite
def waiting(draw, name):
    """Somebody reached by SMS at once, and later by mail; or altogether only after quiet hours."""
    number = f"{PEOPLE.index(name):02}"
    hours = draw(st.sampled_from(["", "", "", "21:00-09:00 local"]))
    phone = Contact(
        id=f"{name}/sms/1", channel="sms", value=f"+62811000{number}01", priority=1, quiet_hours=hours
    )
    mail = Contact(
        id=f"{name}/email/2",
        channel="email",
        value=f"o{number}-02@uji.example",
        priority=2,
        delay=draw(st.sampled_from([0, 7 * MINUTE, 7 * MINUTE])),
        quiet_hours=hours,
    )
    return Person(id=name, contacts=(phone, mail))


@st.composite
def directories(draw):
    """Most offices are held, some by two or by whoever comes along; some have shifts and deputies."""
    held = [
        Assignment(region=region, role=role, person=who)
        for who, (role, region) in OFFICES.items()
        if draw(st.integers(0, 4))
    ]
    office = st.sampled_from(sorted(OFFICES.values()))
    more = st.builds(
        lambda o, who: Assignment(region=o[1], role=o[0], person=who, status="plh"), office, names
    )
    duty = st.builds(
        lambda o, who, span: Duty(region=o[1], role=o[0], person=who, valid=span), office, names, spans
    )
    return Contents(
        people=tuple(draw(st.one_of(waiting(name), people(name))) for name in PEOPLE),
        assignments=(*held, *draw(st.lists(more, max_size=1))),
        deputies=tuple(
            draw(st.lists(st.builds(lambda a, b: Deputy(of=a, deputy=b), names, names), max_size=2))
        ),
        roster=tuple(draw(st.lists(duty, max_size=2))),
    )


targets = st.one_of(
    st.builds(
        StepTarget,
        role=st.sampled_from(ROLES),
        at=st.sampled_from(["region", "province", "nation"]),
        fallback=st.sampled_from(["up", "none"]),
    ),
    st.builds(StepTarget, role=st.just("sekda")),
    st.builds(StepTarget, person=names),
)
steps = st.builds(
    PolicyStep,
    to=st.lists(targets, min_size=1, max_size=3).map(tuple),
    wait=st.sampled_from([5 * MINUTE, 30 * MINUTE, 2 * HOUR]),
    channels=st.sampled_from([(), ("sms",), ("email", "sms")]),
    need=st.sampled_from(["one", "one", "all", 2]),
    inform=st.lists(targets, max_size=1).map(tuple),
    when=st.builds(
        StepCondition,
        level_at_least=st.sampled_from([None, None, 4]),
        hours=st.sampled_from([None, None, "07:00-15:00 local"]),
        not_resolved=st.sampled_from([False, False, True]),
    ),
)


def policies(name):
    return st.builds(
        Policy,
        id=st.just(name),
        steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
        rounds_after_first=st.integers(0, 1),
        from_step=st.just(1),
        inform=st.lists(targets, max_size=1).map(tuple),
        acknowledge=st.builds(
            Acknowledge,
            grade=st.sampled_from([2, 2, 3]),
            expires=st.sampled_from([None, HOUR, 4 * HOUR]),
            remind=st.sampled_from([(), (30 * MINUTE,), (10 * MINUTE, 40 * MINUTE)]),
        ),
        quiet=st.builds(
            Quiet, hours=st.just("12:00-14:00 local"), levels=st.sampled_from([(), (), (2,), (2, 3)])
        ),
        digest=st.sampled_from([Digest(), Digest(), Digest(levels=(2, 3), at=("08:00", "18:00"))]),
        bypass_subject=st.sampled_from([True, True, False]),
        on_exhausted=st.lists(targets, max_size=1).map(tuple),
    )


happenings = st.builds(
    Happening,
    kind=st.sampled_from(["naik", "naik", "satuan", "satuan", "surut", "tertutup", "pulih"]),
    region=st.sampled_from(REGENCIES),
    severity=st.integers(2, 4),
    incident=st.sampled_from(["A", "B"]),
    late=st.sampled_from([0, 0, 0, 20 * MINUTE, 4 * HOUR]),
    role=st.sampled_from(["", "", "", "sekda", "kesbangpol"]),
    exercise=st.sampled_from([False] * 7 + [True]),
    names=st.sampled_from([0] * 5 + [1, 2]),
    refuted=st.booleans(),
)
answers = st.builds(
    Answer,
    place=st.sampled_from([0, 0, 1, 2, 3]),
    person=st.one_of(st.just(""), st.just(""), st.just(""), st.just("operator"), names),
    says=st.sampled_from(["seen", "taken", "taken", "taken", "resolved", "declined", "delegated"]),
    via=st.sampled_from(["link", "link", "sms", "sms", "console", "proxy", "text"]),
    to=st.sampled_from((*PEOPLE, "tidak-ada")),
)
offices = st.sampled_from(sorted(OFFICES.values()))
rules = st.sampled_from([None, *RULES])
matches = st.one_of(
    st.builds(Match, region=st.sampled_from([("00",), ("73",), ("94.02",)])),
    st.builds(
        Match, rule=st.sampled_from([("naik",), ("satuan", "surut")]), level=st.sampled_from([(), (2, 3)])
    ),
)
quick = st.one_of(
    answers,
    answers,
    st.builds(
        ByHandStep,
        does=st.sampled_from(["resolve", "escalate", "comment"]),
        who=st.just("operator"),
        rule=rules,
    ),
    st.builds(ContactStep, person=names, channel=st.sampled_from(["sms", "email"]), verified=st.booleans()),
    st.builds(
        Hush,
        match=matches,
        after=st.sampled_from([0, 0, 20 * MINUTE]),
        length=lengths,
        include_awas=st.booleans(),
    ),
)
"""What may also happen in the middle of sending."""
acts = st.one_of(
    happenings,
    happenings,
    happenings,
    answers,
    answers,
    answers,
    quick,
    st.builds(Meanwhile, when=st.sampled_from(["claimed", "taken over"]), act=quick),
    st.builds(
        GatewayChange,
        name=st.sampled_from(CHANNELS),
        state=st.sampled_from(["up", "up", "down", "slow", "refuses"]),
        recipient=st.sampled_from(["", "", *PEOPLE]),
    ),
    st.builds(
        ReportStep,
        who=names,
        channel=st.sampled_from(["sms", "email"]),
        state=st.sampled_from(["delivered", "failed"]),
    ),
    st.builds(Speak, place=st.integers(0, 1)),
    st.builds(lambda o, who: Assign(region=o[1], role=o[0], person=who, status="definitif"), offices, names),
    st.builds(
        lambda o, who: OnDuty(region=o[1], role=o[0], person=who, since=None, until=None), offices, names
    ),
    st.builds(Leave, person=names, length=lengths),
    st.builds(Restarting, down_for=lengths),
)


def ends(region):
    """What takes the reason from messages about a region that still wait."""
    answer = st.builds(
        Answer,
        place=st.sampled_from([0, 0, 1]),
        person=st.just(""),
        says=st.sampled_from(["taken", "taken", "declined"]),
        via=st.sampled_from(["link", "sms"]),
        to=st.just(""),
    )
    hush = st.builds(
        Hush,
        match=st.just(Match(region=("00",))),
        after=st.just(0),
        length=st.sampled_from([10 * MINUTE, 3 * HOUR]),
        include_awas=st.just(True),
    )
    asked = st.sampled_from([who for who, (_, place) in OFFICES.items() if place == region])
    channel = st.sampled_from(["sms", "email", "email"])
    withdrawn = st.builds(ContactStep, person=asked, channel=channel, verified=st.just(False))
    return st.one_of(answer, answer, hush, withdrawn)


@st.composite
def overtaken(draw):
    """Something opens; while part of what it says still waits or is being handed over, that loses its reason."""
    region = draw(st.sampled_from(REGENCIES))
    opens = Happening(
        kind=draw(st.sampled_from(["naik", "satuan", "tertutup"])),
        region=region,
        severity=draw(st.integers(2, 4)),
        incident=draw(st.sampled_from(["A", "B"])),
        late=0,
        role="",
        exercise=False,
        names=0,
        refuted=False,
    )
    trouble = draw(st.sampled_from(["", "down", "slow"]))
    gateway = [(0, GatewayChange(name="email", state=trouble))] if trouble else []
    repaired = [(0, GatewayChange(name="email", state="up"))] if trouble else []
    soon = st.sampled_from([SECOND, 10 * SECOND, MINUTE])
    end = draw(ends(region))
    if draw(st.booleans()):
        return (*gateway, (0, opens), (draw(soon), end), *repaired)
    return (*gateway, (0, opens), (draw(soon), Meanwhile("claimed", end)), (0, opens), *repaired)


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one play: a pause goes before each act, and at the end a day passes."""

    policies: tuple[Policy, Policy]
    directory: Contents
    two_way: bool
    trust: str
    tight: bool
    acts: tuple[tuple[int, object], ...]


single = st.tuples(lengths, acts).map(lambda one: (one,))
timelines = st.builds(
    Timeline,
    policies=st.tuples(policies("satu"), policies("dua")),
    directory=directories(),
    two_way=st.booleans(),
    trust=st.sampled_from(["none", "low", "high"]),
    tight=st.booleans(),
    acts=st.builds(
        lambda first, more: (*first, *chain.from_iterable(more)),
        st.lists(st.tuples(st.just(0), happenings), min_size=1, max_size=3),
        st.lists(st.one_of(overtaken(), single, single, single), min_size=6, max_size=16),
    ),
)
