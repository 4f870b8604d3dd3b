"""Limits of sign-in: guesses are few, a right one is given back, and a stranger shuts nobody out elsewhere."""

from engine.people.sessions import ADDRESS, BOTH, KNOWN, NAME, WITHIN_SECONDS, SignInLimits

DESK, STRANGER = "192.0.2.1", "203.0.113.7"


def refused(limits: SignInLimits, name: str, address: str, now: float = 0, browser: str = "") -> bool:
    return limits.take(name, address, browser, now) > 0


def test_guesses_of_one_name_from_one_address_are_few():
    """Law: docs/specification/trust.md#signing-in."""
    limits = SignInLimits()
    assert [refused(limits, "piket", DESK) for _ in range(BOTH + 1)] == [False] * BOTH + [True]
    assert refused(limits, "piket", DESK, WITHIN_SECONDS / BOTH - 1)
    assert not refused(limits, "piket", DESK, WITHIN_SECONDS / BOTH)


def test_a_stranger_locks_nobody_out_at_another_address():
    limits = SignInLimits()
    while not refused(limits, "piket", STRANGER):
        pass
    assert not refused(limits, "piket", DESK)


def test_a_right_one_is_given_back():
    limits = SignInLimits()
    for now in range(NAME * 2):
        assert not refused(limits, "piket", DESK, now)
        limits.forgive("piket", DESK, "")


def test_a_try_that_was_not_checked_is_given_back():
    limits = SignInLimits()
    for now in range(NAME * 2):
        assert not refused(limits, "piket", DESK, now)
        limits.give_back("piket", DESK, "")


def test_an_address_that_tries_many_names_is_stopped():
    limits = SignInLimits()
    tries = [refused(limits, f"piket-{n}", STRANGER) for n in range(ADDRESS + 1)]
    assert tries == [False] * ADDRESS + [True]


def test_a_name_that_many_addresses_try_is_stopped_but_not_in_a_known_browser():
    limits = SignInLimits()
    tries = [refused(limits, "piket", f"192.0.2.{n}") for n in range(NAME + 1)]
    assert tries == [False] * NAME + [True]
    assert not refused(limits, "piket", STRANGER, browser="b")


def test_a_known_browser_has_its_own_few_tries():
    limits = SignInLimits()
    assert [refused(limits, "piket", DESK, 0, "b") for _ in range(KNOWN + 1)] == [False] * KNOWN + [True]
    limits.forgive("piket", DESK, "b")
    assert not refused(limits, "piket", DESK, 0, "b")


def test_what_was_refused_does_not_count():
    limits = SignInLimits()
    for now in range(100):
        limits.take("piket", DESK, "", now)
    assert not refused(limits, "piket", DESK, WITHIN_SECONDS)
