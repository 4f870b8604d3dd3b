"""Which clause of a filter failed."""

from engine.core.judging.filter import AllOf, AnyOf, Test, Unless
from engine.matching.clause import failed_clause
from tests.unit.judging.desk import event

KIND, SEVERE = Test("kind", "prefix", "conflict."), Test("severity", "at_least", 3)


def test_the_first_clause_that_fails() -> None:
    """Down through what must all hold; `any` and `unless` are named whole."""
    assert failed_clause(AllOf((KIND, AllOf((KIND, SEVERE)))), event(0)) is SEVERE
    assert failed_clause(AllOf((KIND, SEVERE)), event(0, severity=3)) is None
    either = AnyOf((SEVERE, Unless(KIND)))
    assert failed_clause(AllOf((KIND, either)), event(0)) is either
    never = Unless(KIND)
    assert failed_clause(never, event(0)) is never
