"""The codec: what goes in comes out, and what cannot be read is said."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.store.codec import VERSION, decode, encode


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A value such as is stored."""

    span: tuple[int, int]
    points: dict[str, float] = {}
    note: str | None = None


pages = st.builds(
    Page,
    span=st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**53)),
    points=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False), max_size=3),
    note=st.none() | st.text(max_size=5),
)


@given(pages)
def test_what_goes_in_comes_out(page):
    """Decoding undoes encoding, and the same value has the same bytes."""
    assert decode(encode(page), Page) == page
    assert encode(decode(encode(page), Page)) == encode(page)


def test_the_first_byte_is_the_version():
    """Values of another version can be told apart before anything of them is read."""
    assert encode(Page(span=(0, 1)))[0] == VERSION == 1


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (b"", "nothing"),
        (b"\x02" + encode(Page(span=(0, 1)))[1:], "codec version 2"),
        (encode(Page(span=(0, 1)))[:-1], "cannot be read"),
        (encode({"span": "text"}), "cannot be read"),
        (encode({}), "span"),
    ],
)
def test_what_cannot_be_read_is_said(stored, said):
    """The error names the type and what is wrong with the bytes."""
    with pytest.raises(StoreError, match=f"Page.*{said}"):
        decode(stored, Page)


def test_types_that_are_no_structs_are_named_too():
    """A list of values is a stored value like any other."""
    assert decode(encode([1, 2]), list[int]) == [1, 2]
    with pytest.raises(StoreError, match="a stored list"):
        decode(encode(["a"]), list[int])
