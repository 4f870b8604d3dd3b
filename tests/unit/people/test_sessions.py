"""Sessions: they end by a pause, by their age, by a sign-out, and with the user's password."""

import pytest

from engine.clock import ManualClock
from engine.core.judging.instant import HOUR, MINUTE
from engine.people.sessions import SESSIONS, Sessions
from engine.people.users import Users
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR
from tests.unit.people.test_users import CHEAP
from tests.unit.support.country import NOW

PASSWORD = "tiga ekor kambing biru"


class Desk:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.users = Users(self.store, self.clock, CHEAP)
        self.sessions = Sessions(self.store, self.clock, self.users, idle=HOUR, longest=12 * HOUR)

    async def signed_in(self, cookie: str) -> bool:
        return await self.sessions.find(cookie) is not None


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.users.add("piket-pagi", PASSWORD, ["operate"], "73", by=OPERATOR)
    return desk


@pytest.fixture
async def cookie(desk) -> str:
    user = await desk.users.get("piket-pagi")
    return await desk.sessions.begin(user)


async def test_a_cookie_finds_its_user_and_the_store_does_not_hold_it(desk, cookie):
    found = await desk.sessions.find(cookie)
    assert (found.user.id, len(found.form_token)) == ("piket-pagi", 64)
    kept = await desk.store.scan(SESSIONS)
    assert cookie not in str(kept)
    assert found.form_token not in str(kept)
    assert [await desk.sessions.find(text) for text in ("", "x" * 43, *kept)] == [None] * 3


async def test_two_sessions_have_two_form_tokens(desk, cookie):
    other = await desk.sessions.begin(await desk.users.get("piket-pagi"))
    assert (await desk.sessions.find(cookie)).form_token != (await desk.sessions.find(other)).form_token


async def test_a_session_ends_by_a_pause(desk, cookie):
    desk.clock.set(NOW + 59 * MINUTE)
    assert await desk.signed_in(cookie)
    desk.clock.set(NOW + 118 * MINUTE)
    assert await desk.signed_in(cookie)
    desk.clock.set(NOW + 178 * MINUTE)
    assert not await desk.signed_in(cookie)


async def test_a_session_in_use_ends_by_its_age(desk, cookie):
    for minutes in range(0, 12 * 60, 30):
        desk.clock.set(NOW + minutes * MINUTE)
        assert await desk.signed_in(cookie)
    desk.clock.set(NOW + 12 * HOUR)
    assert not await desk.signed_in(cookie)


async def test_a_sign_out_ends_it(desk, cookie):
    await desk.sessions.end(cookie)
    assert not await desk.signed_in(cookie)
    assert await desk.store.scan(SESSIONS) == {}


async def test_another_password_ends_it(desk, cookie):
    desk.clock.set(NOW + 1)
    await desk.users.set_password("piket-pagi", "empat gajah di pelabuhan", by=OPERATOR)
    assert not await desk.signed_in(cookie)


async def test_disabling_the_user_ends_it(desk, cookie):
    """Law: docs/specification/escalation.md#sessions."""
    await desk.users.disable("piket-pagi", by=OPERATOR)
    assert not await desk.signed_in(cookie)


async def test_what_is_long_over_is_removed_at_the_next_sign_in(desk, cookie):
    desk.clock.set(NOW + 13 * HOUR)
    await desk.sessions.begin(await desk.users.get("piket-pagi"))
    assert len(await desk.store.scan(SESSIONS)) == len(await desk.store.planned(SESSIONS)) == 1
