"""Exchanges: a value is only ever a value, and whatever a gateway answers is a receipt or one of the reasons."""

from typing import get_args
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.base import DeliveryError, Reason
from notifiers.exchange import (
    LONGEST_RETRY_AFTER,
    Exchange,
    Failure,
    Likeness,
    Pick,
    Response,
    fill,
    judge,
    place,
    retry_after,
)

EVERYWHERE = Exchange(
    url="{url}/kirim/{to}?t={text}",
    query={"t": "{text}"},
    headers={"x": "a {id}"},
    form={"t": "<{text}>"},
    json={"a": [{"t": "{text}", "n": 5, "ya": True}], "t": "{text}"},
)


@given(text=st.text(min_size=1), to=st.text())
def test_a_text_stays_one_text_wherever_it_is_put(text: str, to: str):
    try:
        filled = fill(EVERYWHERE, {"url": "https://a.example", "text": text, "to": to, "id": "i"})
    except UnicodeEncodeError:
        return  # half a surrogate pair has no address
    parts = urlsplit(filled.url)
    assert (parts.netloc, parts.path.count("/"), parts.query.count("=")) == ("a.example", 2, 1)
    assert parts.fragment == ""
    assert filled.query == {"t": text}
    assert filled.form == {"t": f"<{text}>"}
    assert filled.json == {"a": [{"t": text, "n": 5, "ya": True}], "t": text}


@pytest.mark.parametrize("where", ["query", "headers", "form", "json"])
def test_an_empty_value_alone_is_left_out_and_beside_others_it_is_not(where: str):
    exchange = Exchange(url="{url}", **{where: {"a": "{id}", "b": "-{id}"}})
    assert getattr(fill(exchange, {"url": "u", "id": ""}), where) == {"b": "-"}


def test_a_placeholder_inside_a_value_is_left_as_it_is():
    exchange = Exchange(url="{url}", query={"t": "{text}"})
    assert fill(exchange, {"url": "u", "text": "{password}", "password": "rahasia"}).query == {
        "t": "{password}"
    }


@pytest.mark.parametrize("exchange", [Exchange(url="{alamat}"), Exchange(url="u", json={"a": ["{x}"]})])
def test_an_unknown_placeholder_is_refused(exchange: Exchange):
    with pytest.raises(ValueError, match="there is no placeholder"):
        fill(exchange, {"url": "u"})


RESPONSES = st.builds(
    Response,
    status=st.sampled_from([200, 202, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503]),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date", "x-id"]), st.text(max_size=40)),
    body=st.one_of(
        st.binary(max_size=60), st.sampled_from([b'{"s": "ok", "id": 7}', b'{"s": "no"}', b"[[["])
    ),
)
EXCHANGES = st.builds(
    Exchange,
    url=st.just("u"),
    accepted=st.builds(
        Likeness,
        status=st.sampled_from([(), (200,), (200, 202)]),
        body=st.sampled_from(["", "^OK", "ok"]),
        json=st.sampled_from([{}, {"s": ("ok",)}]),
    ),
    failures=st.lists(
        st.builds(
            Failure,
            json=st.sampled_from([{}, {"s": ("no",)}]),
            status=st.sampled_from([(), (400,)]),
            reason=st.sampled_from(["recipient_refused", "throttled"]),
            transient=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    pick=st.sampled_from([Pick(), Pick(json="id"), Pick(body="(o.)"), Pick(header="X-Id")]),
)


@given(exchange=EXCHANGES, response=RESPONSES)
def test_every_answer_is_a_receipt_or_one_of_the_reasons(exchange: Exchange, response: Response):
    try:
        said, refused = judge(exchange, response), None
    except DeliveryError as error:
        said, refused = "", error
    if refused is None:
        assert isinstance(said, str)
        assert response.status < 300
    else:
        assert refused.reason in get_args(Reason)
        assert refused.retry_after is None or 0 <= refused.retry_after <= LONGEST_RETRY_AFTER
        assert str(response.status) in str(refused)


@given(st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=60)))
def test_whatever_retry_after_says_the_wait_is_bounded(headers: dict[str, str]):
    wait = retry_after(headers)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.0.b", "5"), ("a.1", ""), ("a", ""), ("c", "true"), ("d", ""), ("a.x", ""), ("e", "1.5"), ("", "")],
)
def test_a_place_in_json_is_a_text_or_nothing(path: str, found: str):
    assert place({"a": [{"b": 5}], "c": True, "d": None, "e": 1.5}, path) == found
