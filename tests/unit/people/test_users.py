"""Users: a password that is kept by its digest alone, and the same answer whoever does not get in."""

import argon2
import pytest

from engine.clock import ManualClock
from engine.people.users import HASHER, TABLE, UserFault, Users, nobody
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR
from tests.unit.support.country import NOW

PASSWORD = "tiga ekor kambing biru"
CHEAP = argon2.PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def users(store) -> Users:
    return Users(store, ManualClock(NOW), CHEAP)


async def test_a_user_gets_in_by_their_password_alone(users, store):
    added = await users.add("piket-pagi", PASSWORD, ["operate", "read"], "73", by=OPERATOR)
    assert await users.check("piket-pagi", PASSWORD) == added
    assert await users.check("piket-pagi", PASSWORD + "!") is None
    assert await users.check("piket-malam", PASSWORD) is None
    assert added.scope.rights == {"operate", "read"}
    assert (added.scope.covers("73.15"), added.scope.covers("94")) == (True, False)
    kept = (await store.get(TABLE, ["piket-pagi"]))[0]
    assert PASSWORD.encode() not in kept.value


async def test_who_is_not_there_costs_as_much_as_who_is(store):
    """The password is checked against a digest of the same cost: time tells nothing of who has a user."""
    added = await Users(store, ManualClock(NOW)).add("piket-pagi", PASSWORD, ["read"], by=OPERATOR)
    assert added.password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert nobody(HASHER).split("$")[:4] == added.password.split("$")[:4]
    assert [len(part) for part in nobody(HASHER).split("$")] == [
        len(part) for part in added.password.split("$")
    ]


async def test_another_password_and_the_end(users):
    await users.add("piket-pagi", PASSWORD, ["read"], by=OPERATOR)
    await users.set_password("piket-pagi", "empat gajah di pelabuhan", by=OPERATOR)
    assert await users.check("piket-pagi", PASSWORD) is None
    assert await users.check("piket-pagi", "empat gajah di pelabuhan") is not None
    await users.disable("piket-pagi", by=OPERATOR)
    assert await users.check("piket-pagi", "empat gajah di pelabuhan") is None
    assert await users.disable("nobody", by=OPERATOR) is None
    assert [user.disabled_at for user in await users.list()] == [NOW]


@pytest.mark.parametrize(
    ("id_", "password", "fault"),
    [
        ("Piket", PASSWORD, "begins with a letter"),
        ("p", PASSWORD, "2 to 40"),
        ("piket@desk", PASSWORD, "2 to 40"),
        ("piket-pagi", "pendek", "12 to 200"),
        ("piket-pagi", "x" * 201, "12 to 200"),
        ("piket-pagi", "Piket-Pagi-2024", "must not hold"),
    ],
)
async def test_what_is_refused(users, id_, password, fault):
    with pytest.raises(UserFault, match=fault):
        await users.add(id_, password, ["read"], by=OPERATOR)
    assert await users.list() == []


async def test_an_id_is_taken_once(users):
    await users.add("piket-pagi", PASSWORD, ["read"], by=OPERATOR)
    with pytest.raises(UserFault, match="already"):
        await users.add("piket-pagi", PASSWORD, ["policy"], by=OPERATOR)


async def test_a_user_of_a_person_acts_as_that_person(users):
    made = await users.add("piket-pagi", PASSWORD, ["read"], person="sekda-7315", by=OPERATOR)
    assert (made.scope.actor, made.scope.credential.person) == ("sekda-7315", "sekda-7315")
    kept = await users.get("piket-pagi")
    assert kept is not None
    assert kept.person == "sekda-7315"
