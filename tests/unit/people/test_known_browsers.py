"""Known browsers: a cookie is of the users who signed in there, for its days, and cannot be made without the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY
from engine.people.sessions import DAYS, USERS, KnownBrowsers
from engine.runtime.keys import Keys

KEYS = Keys(b"k" * 32)
NOW = 20_000 * DAY
BROWSERS = KnownBrowsers(KEYS)


def test_a_browser_is_known_for_the_users_who_signed_in_there():
    """A desk's browser serves several shifts."""
    morning = BROWSERS.remember("", "pagi", NOW)
    both = BROWSERS.remember(morning, "malam", NOW + 1)
    assert BROWSERS.id_of(morning, "malam", NOW) == ""
    assert BROWSERS.id_of(both, "pagi", NOW) == BROWSERS.id_of(both, "malam", NOW + 1) != ""


def test_it_names_nobody_and_stays_short():
    cookie = ""
    for number in range(3 * USERS):
        cookie = BROWSERS.remember(cookie, f"piket-{number}", NOW)
    assert "piket" not in cookie
    assert len(cookie) < 300
    known = [number for number in range(3 * USERS) if BROWSERS.id_of(cookie, f"piket-{number}", NOW)]
    assert known == list(range(2 * USERS, 3 * USERS))


def test_the_same_user_again_stands_there_once_and_begins_anew():
    cookie = BROWSERS.remember("", "pagi", NOW)
    again = BROWSERS.remember(cookie, "pagi", NOW + DAYS * DAY)
    assert len(again) == len(cookie)
    assert BROWSERS.id_of(again, "pagi", NOW + 2 * DAYS * DAY) != ""


@pytest.mark.parametrize(("days", "known"), [(0, True), (DAYS, True), (DAYS + 1, False), (-1, False)])
def test_it_ends(days: int, known: bool):
    cookie = BROWSERS.remember("", "pagi", NOW)
    assert bool(BROWSERS.id_of(cookie, "pagi", NOW + days * DAY)) is known


def test_a_replaced_key_is_accepted_until_it_is_taken_away():
    cookie = BROWSERS.remember("", "pagi", NOW)
    assert KnownBrowsers(Keys(b"n" * 32, (KEYS.current,))).id_of(cookie, "pagi", NOW)
    assert not KnownBrowsers(Keys(b"n" * 32)).id_of(cookie, "pagi", NOW)


@given(st.text(max_size=80) | st.from_regex(r"[\w-]{22}(\.\d{1,6}-[\w-]{22}){1,8}", fullmatch=True))
def test_what_somebody_makes_up_is_no_known_browser(cookie):
    assert BROWSERS.id_of(cookie, "pagi", NOW) == ""
    assert BROWSERS.id_of(BROWSERS.remember(cookie, "pagi", NOW), "pagi", NOW)
