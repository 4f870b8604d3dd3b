"""The address under which a request counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.web.client_address import UNKNOWN, counted


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", UNKNOWN),
        ("siapa.example", UNKNOWN),
    ],
)
def test_how_it_counts(host: str, counts_as: str):
    assert counted(host) == counts_as


@given(st.ip_addresses(v=6, network="2001:db8::/64"))
def test_one_subscriber_is_one_address(address):
    assert counted(str(address)) == "2001:db8::/64"


@given(st.text(max_size=300))
def test_it_never_raises_and_stays_short(host):
    assert len(counted(host)) <= 43
