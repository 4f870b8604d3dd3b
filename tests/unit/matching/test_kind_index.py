"""What is left of a filter for events of one kind means the same for them as the whole filter."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.matching.native import compile_filter, of_kind

KINDS = ("a.x", "a.y", "b")
TESTS = st.one_of(
    st.builds(Test, st.just("kind"), st.just("equals"), st.sampled_from(KINDS)),
    st.builds(Test, st.just("kind"), st.just("prefix"), st.sampled_from(("a.", "b", ""))),
    st.builds(
        Test, st.just("kind"), st.just("one_of"), st.lists(st.sampled_from(KINDS), max_size=2).map(tuple)
    ),
    st.builds(Test, st.just("severity"), st.sampled_from(("at_least", "below")), st.integers(0, 5)),
    st.builds(Test, st.just("x"), st.just("exists"), st.booleans()),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(Unless, inner),
    ),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    desk=st.just("73.15"),
    id=st.just("e"),
    kind=st.sampled_from(KINDS),
    region=st.just("73.15"),
    severity=st.integers(1, 4),
    occurred_at=st.just(0),
    fields=st.sampled_from(({}, {"x": 1})),
)


def names_a_kind(filter_: Filter) -> bool:
    match filter_:
        case Test(field=field):
            return field == "kind"
        case AllOf(parts) | AnyOf(parts):
            return any(map(names_a_kind, parts))
        case Unless(part):
            return names_a_kind(part)


@given(FILTERS, EVENTS)
def test_the_rest_holds_where_the_whole_holds(filter_: Filter, event: Event) -> None:
    left = of_kind(filter_, event.kind)
    assert compile_filter(left)(event) == compile_filter(filter_)(event)
    assert not names_a_kind(left)
