"""The throttle: guesses are few, a right one is given back, and a stranger locks nobody out elsewhere."""

from engine.service.throttle import ADDRESS, BOTH, NAME, REMEMBERED, WITHIN, Throttle

DESK, STRANGER = "192.0.2.1", "192.0.2.2"


def refused(throttle: Throttle, name: str, address: str, now: int) -> bool:
    return throttle.take(name, address, now) is not None


def test_one_name_from_one_address_has_five_tries():
    throttle = Throttle()
    assert [refused(throttle, "piket", DESK, n) for n in range(BOTH + 1)] == [False] * BOTH + [True]
    assert throttle.take("piket", DESK, BOTH) == WITHIN
    assert not refused(throttle, "piket", DESK, WITHIN)


def test_a_stranger_locks_nobody_out_at_the_desk():
    throttle = Throttle()
    while not refused(throttle, "piket", STRANGER, 0):
        pass
    assert not refused(throttle, "piket", DESK, 0)


def test_a_right_one_is_given_back():
    throttle = Throttle()
    for now in range(10 * NAME):
        assert not refused(throttle, "piket", DESK, now)
        throttle.forgive("piket", DESK)


def test_one_address_has_few_tries_of_all_names():
    throttle = Throttle()
    tries = [refused(throttle, f"piket-{n}", STRANGER, 0) for n in range(ADDRESS + 1)]
    assert tries == [False] * ADDRESS + [True]


def test_one_name_has_few_tries_from_all_addresses():
    throttle = Throttle()
    tries = [refused(throttle, "piket", f"192.0.2.{n}", 0) for n in range(NAME + 1)]
    assert tries == [False] * NAME + [True]


def test_refused_tries_do_not_make_the_wait_longer():
    throttle = Throttle()
    for now in range(BOTH + 100):
        throttle.take("piket", DESK, now)
    assert throttle.take("piket", DESK, 200) == WITHIN


def test_what_it_remembers_is_bounded():
    throttle = Throttle()
    for n in range(REMEMBERED):
        throttle.take(f"piket-{n}", str(n), n)
    assert len(throttle._tries) == REMEMBERED
