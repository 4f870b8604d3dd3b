"""Four eyes: which credentials are one person's (docs/specification/trust.md#four-eyes)."""

import pytest

from engine.core.alerting.credential import Credential, credential_owner, may_approve, same_person

TOKEN = Credential("token", "4be1a2c3d4")
BOUND = Credential("token", "4be1a2c3d4", "siti")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BOUND, Credential("token", "ffff000011", "siti")),
        (BOUND, Credential("user", "piket", "siti")),
        (BOUND, Credential("user", "siti")),
        (BOUND, Credential("link", "n1", "siti")),
        (TOKEN, TOKEN),
        (Credential("os", "root"), Credential("os", "root")),
        (Credential("os", "siti"), Credential("user", "siti")),
        (Credential("os", "siti"), BOUND),
    ],
)
def test_one_person(one: Credential, other: Credential) -> None:
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BOUND, Credential("token", "4be1a2c3d4", "budi")),
        (TOKEN, Credential("token", "ffff000011")),
        (TOKEN, BOUND),
        (Credential("user", "siti", "budi"), Credential("user", "siti")),
        (Credential("os", "siti"), Credential("user", "budi")),
        (Credential("service", "files"), Credential("os", "files")),
    ],
)
def test_two_people(one: Credential, other: Credential) -> None:
    assert not same_person(one, other)
    assert credential_owner(one) != credential_owner(other)


@pytest.mark.parametrize(
    ("one", "may"),
    [
        (BOUND, True),
        (Credential("user", "piket"), True),
        (Credential("os", "root"), True),
        (TOKEN, False),
        (Credential("service", "files"), False),
    ],
)
def test_who_belongs_to_nobody_approves_nothing(one: Credential, may: bool) -> None:
    assert may_approve(one) is may
