"""Precedence: rules that are looked at come first, and rings are found."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.rule import looks_at, ring_of, rule_ranks
from tests.unit.judging.desk import rule

IDS = [f"r{n}" for n in range(6)]


def rules(looks):
    return [rule(id=id_, hide_while=tuple(others)) for id_, others in looks.items()]


@given(st.permutations(IDS), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15))
def test_each_rule_has_a_greater_place_than_what_it_looks_at(order, pairs):
    looks = {id_: {order[i] for i, j in pairs if i < j and order[j] == id_} for id_ in order}
    found = rule_ranks(rules(looks))
    assert ring_of(looks) == ()
    assert all(found[id_] > found[other] for id_, others in looks.items() for other in others)
    assert all(found[id_] == 0 for id_, others in looks.items() if not others)


@given(st.dictionaries(st.sampled_from(IDS), st.sets(st.sampled_from(IDS)), max_size=6))
def test_a_ring_is_a_ring(looks):
    ring = ring_of(looks)
    assert all(after in looks[before] for before, after in pairwise(ring))
    assert not ring or ring[0] == ring[-1]


def test_rules_that_are_not_there_are_looked_at_in_vain():
    """A test may load some of the files only."""
    assert rule_ranks(rules({"a": {"weg"}}))["a"] == 1
    assert looks_at(rule(id="a", hide_while=("b", "c"))) == {"b", "c"}
