"""Rules on rules: the fold over stretches, held against a definition that looks at every instant anew.

The oracle knows only the stretches as they are in the end; the group hears of them in any order, of some that are taken
back, moved or shortened, and the openings that were not undone must be those of the oracle.
"""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.condition import Bond
from engine.core.judging.filter import Limit
from engine.core.judging.judgement import Joined, Opened, Risen
from engine.core.judging.rule import Clear, LevelStep
from engine.core.judging.rule_dependency import BondGroup, Hearing
from engine.core.judging.upstream_interval import IntervalSource, OpenInterval
from tests.unit.judging.desk import Ledger, rule

END = 1_000
NAMES = ("p", "q", "r")


@st.composite
def stretches(draw, name):
    """Some stretches of one source, which do not overlap, as one group's alerts never do."""
    bounds = sorted(draw(st.sets(st.integers(0, 30), max_size=6)))
    pairs = [(bounds[i], bounds[i + 1]) for i in range(0, len(bounds) - 1, 2)]
    found = [
        OpenInterval(alert=f"{name}{i}", region="73.15", level=2, happened_at=begin, ended_at=end)
        for i, (begin, end) in enumerate(pairs)
    ]
    if len(bounds) % 2:
        found.append(OpenInterval(alert=f"{name}-last", region="73.15", level=2, happened_at=bounds[-1]))
    return tuple(found)


truths = st.fixed_dictionaries({name: stretches(name) for name in NAMES})
limits = st.sampled_from(
    [Limit("at_least", 1), Limit("at_least", 2), Limit("above", 2), Limit("equals", 2), Limit("at_most", 1)]
)
conditions = st.builds(Bond, st.just(NAMES), limits, within=st.sampled_from([None, 3, 10]))


def bond(condition, **keys):
    return rule(id="simpul", per=("nation",), condition=condition, clear=Clear("no_longer_true"), **keys)


def hearing(name, told, at=END, **more):
    return Hearing(source=IntervalSource(f"{name}|73.15"), stretches=told, at=at, **more)


def figure_at(condition, truth, at):
    """Return how many alerts are open at an instant and count."""
    return sum(
        one.happened_at <= at
        and (one.ended_at is None or at < one.ended_at)
        and (condition.within is None or at < one.happened_at + condition.within)
        for told in truth.values()
        for one in told
    )


def oracle(condition, truth, hold_for=0):
    """Return the openings and their ends, from the definition, instant by instant (whole numbers are all there are)."""

    def figure(at):
        return figure_at(condition, truth, at)

    changes = {one.happened_at for told in truth.values() for one in told}
    begins = min(changes, default=END)
    found, since, running = [], None, None
    for at in range(begins, 60):
        true = condition.limit.met_by(figure(at))
        if running is None and true:
            since = at if since is None else since
            if at >= since + hold_for:
                running, since = at, None
        elif running is not None and not true:
            found.append((running, at))
            running = None
        elif not true:
            since = None
    return found + ([] if running is None else [(running, None)])


def openings(ledger):
    """Return when the alerts that were not undone happened; two of one instant where an end was taken back."""
    return {at for ordinal, at in ledger.happened.items() if ordinal not in ledger.undone}


@given(conditions, truths, st.sampled_from([0, 4]), st.data())
def test_the_openings_are_those_of_the_definition_in_every_order_of_hearing(condition, truth, hold_for, data):
    """Whatever was heard in between, and however much of it is no longer so.

    Law: docs/specification/rules.md#rules-on-rules.
    """
    before = data.draw(
        st.lists(st.sampled_from(NAMES).flatmap(lambda n: st.tuples(st.just(n), stretches(n))))
    )
    order = data.draw(st.permutations(NAMES))
    group, ledger = BondGroup(bond(condition, hold_for=hold_for)), Ledger()
    for at, (name, told) in enumerate([*before, *((name, truth[name]) for name in order)]):
        ledger.read(group.hear([hearing(name, told, at=40 + at)]))
        group = BondGroup(group.rule, group.frozen()) if data.draw(st.booleans()) else group
    ledger.read(group.look(now=END))
    spells = [(spell.happened_at, spell.ended_at) for spell in group.spells]
    assert spells == oracle(condition, truth, hold_for)
    assert openings(ledger) == {at for at, _ in spells}


@given(conditions, truths, st.permutations(NAMES))
def test_all_at_once_is_the_same_as_one_by_one(condition, truth, order):
    one, all_ = BondGroup(bond(condition)), BondGroup(bond(condition))
    for name in order:
        one.hear([hearing(name, truth[name])])
    all_.hear([hearing(name, truth[name]) for name in NAMES])
    one.look(now=END)
    all_.look(now=END)
    assert one.spells == all_.spells


def test_what_joined_is_said_though_a_later_alert_has_it_as_evidence_by_then():
    """After a pause both are judged at once: one alert is open for the first, and for the second as well."""
    condition = Bond(("p", "q", "r"), Limit("at_most", 1))
    group = BondGroup(bond(condition, levels=(LevelStep(2), LevelStep(4, Limit("at_least", 1)))))
    began = OpenInterval(alert="q0", region="73.15", level=2, happened_at=0, ended_at=1)
    lasts = OpenInterval(alert="q1", region="73.15", level=2, happened_at=2)
    short = OpenInterval(alert="r0", region="73.15", level=2, happened_at=3, ended_at=4)
    early = OpenInterval(alert="r1", region="73.15", level=2, happened_at=0, ended_at=1)
    assert group.hear([hearing("q", (began, lasts), at=0), hearing("r", (early, short), at=0)]) == ()
    said = group.look(now=END)
    assert [(type(one).__name__, one.ordinal, getattr(one, "level", None)) for one in said] == [
        ("Opened", 1, 2),
        ("Joined", 1, 4),
        ("Ended", 1, None),
        ("Opened", 2, 4),
    ]


@given(
    conditions, truths, st.permutations(NAMES), st.sampled_from(["at_least", "at_most"]), st.integers(0, 3)
)
def test_the_level_is_the_highest_of_the_figures_while_it_was_open(condition, truth, order, operator, number):
    """Where an alert of another rule ends, or leaves the window, as where one opens."""
    limit = Limit(operator, number)
    group = BondGroup(bond(condition, levels=(LevelStep(2), LevelStep(4, limit))))
    said = [each for name in order for each in group.hear([hearing(name, truth[name], at=0)])]
    said += group.look(now=END)
    began = {each.ordinal: each.happened_at for each in said if isinstance(each, Opened)}
    levels = dict.fromkeys(began.values(), 0)
    for each in said:
        if isinstance(each, Opened | Joined | Risen):
            levels[began[each.ordinal]] = max(levels[began[each.ordinal]], each.level)
    assert levels == {
        begin: max(
            4 if limit.met_by(figure_at(condition, truth, at)) else 2
            for at in range(begin, 60 if end is None else end)
        )
        for begin, end in oracle(condition, truth)
    }


@given(conditions, truths)
def test_hearing_the_same_again_changes_nothing(condition, truth):
    group = BondGroup(bond(condition))
    group.hear([hearing(name, truth[name]) for name in NAMES])
    group.look(now=END)
    before = group.frozen()
    assert group.hear([hearing(name, truth[name], at=END + 5) for name in NAMES]) == ()
    assert group.frozen() == before


def test_it_waits_for_late_reports():
    group = BondGroup(bond(Bond(("p",), Limit("at_least", 1)), wait_for_late=10))
    told = (OpenInterval(alert="p0", region="73.15", level=3, happened_at=5),)
    assert group.hear([hearing("p", told, at=6)]) == ()
    assert group.due == 15
    (opened,) = group.look(now=15)
    assert (opened.happened_at, opened.figure, opened.limit) == (5, 1, 1)
    assert [(e.id, e.desk, e.kind) for e in opened.evidence] == [("p0", "p|73.15", "alert:p")]


def test_the_evidence_is_what_is_open_then():
    group = BondGroup(bond(Bond(("p", "q"), Limit("at_least", 2))))
    p = (
        OpenInterval(alert="p0", region="73.15", level=2, happened_at=1, ended_at=3),
        OpenInterval(alert="p1", region="73.15", level=2, happened_at=5),
    )
    group.hear(
        [hearing("p", p), hearing("q", (OpenInterval(alert="q0", region="73", level=2, happened_at=6),))]
    )
    (spell,) = group.spells
    assert (spell.happened_at, [group.points.rows[i].evidence.id for i in group.points.of(spell)]) == (
        6,
        ["p1", "q0"],
    )


def test_a_closing_by_hand_ends_it_at_the_instant_of_the_act_and_only_once():
    """The fold of the other rule lets it end at its newest evidence, long before; nobody knew of that then."""
    group = BondGroup(bond(Bond(("p",), Limit("at_least", 1))))
    told = OpenInterval(alert="p0", region="73.15", level=2, happened_at=1)
    closed = OpenInterval(alert="p0", region="73.15", level=2, happened_at=1, ended_at=1, by_hand=True)
    group.hear([hearing("p", (told,))])
    group.hear([hearing("p", (closed,), at=500, closed_at=490)])
    group.hear([hearing("p", (closed,), at=700, closed_at=690)])
    group.look(now=END)
    assert [(spell.happened_at, spell.ended_at) for spell in group.spells] == [(1, 490)]


def test_what_the_other_group_has_forgotten_stays():
    group = BondGroup(bond(Bond(("p",), Limit("at_least", 1))))
    old = OpenInterval(alert="p0", region="73.15", level=2, happened_at=1, ended_at=3)
    new = OpenInterval(alert="p1", region="73.15", level=2, happened_at=9)
    group.hear([hearing("p", (old,))])
    group.hear([hearing("p", (new,), since=5)])
    group.look(now=END)
    assert [(spell.happened_at, spell.ended_at) for spell in group.spells] == [(1, 3), (9, None)]
    group.hear([hearing("p", (new,), since=2)])
    group.look(now=END)
    assert [(spell.happened_at, spell.ended_at) for spell in group.spells] == [(9, None)]


def test_it_lets_go_of_what_was_over_long_ago():
    """What is open stays, however old; the openings from then on are the same."""
    lasting = OpenInterval(alert="long", region="73", level=2, happened_at=0)
    group = BondGroup(bond(Bond(("p", "q"), Limit("at_least", 2)), late_horizon=50))
    group.hear([hearing("q", (lasting,), at=1)])
    for number in range(200):
        at = 10 * number + 10
        told = OpenInterval(alert=f"p{number}", region="73", level=2, happened_at=at, ended_at=at + 3)
        group.hear([hearing("p", (told,), at=at + 9, since=at - 1)])
        group.look(now=at + 9)
    assert len(group.points) < 120
    assert "long" in {row.evidence.id for row in group.points.rows}
    assert group.frozen().opened == 200
    again = BondGroup(group.rule, group.frozen())
    assert again.spells == group.spells
