"""What the doctor says of the proxy, by what the service saw of two requests."""

import pytest

from engine.operations.doctor import CLAIMED, proxy_result


def seen(address: str = "198.51.100.7", *, forwarded: bool = True, ignored: bool = False) -> dict:
    return {"address": address, "forwarded": forwarded, "ignored": ignored}


@pytest.mark.parametrize(
    ("plain", "claimed", "direct", "state", "says"),
    [
        (seen(), seen(), False, "good", "seen from 198.51.100.7"),
        (seen(forwarded=False), seen(ignored=True), True, "good", "seen from 198.51.100.7"),
        (
            seen("10.0.0.4", ignored=True),
            seen("10.0.0.4", ignored=True),
            False,
            "fault",
            "ignored at 10.0.0.4",
        ),
        (
            seen("10.0.0.4", forwarded=False),
            seen("10.0.0.4"),
            False,
            "fault",
            "all who come through it count as 10",
        ),
        (seen(), seen(CLAIMED), False, "fault", "chooses under which address"),
        (seen(forwarded=False), seen(CLAIMED), True, "fault", "chooses under which address"),
    ],
    ids=["right", "no_proxy", "not_trusted", "passes_nothing", "passes_all", "trusts_strangers"],
)
def test_what_it_says(plain: dict, claimed: dict, direct: bool, state: str, says: str):
    verdict = proxy_result(plain, claimed, direct=direct)
    assert (verdict.state, says in verdict.says) == (state, True)
    assert (state == "good") == (not verdict.remedy)
