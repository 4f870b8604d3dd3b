"""One HTTP exchange with a gateway, as data: the request with its placeholders, and what each answer means.

Here: the description of an exchange, filling it, and judging an answer; pure. Not here: the connection
(`notifiers.sms_http`) and the files in which descriptions stand. A value that is filled in is never read as anything
but a value: in the address it is escaped, in JSON and forms it stays one text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import re2

from notifiers.base import LONGEST_RETRY_AFTER, DeliveryError, Reason

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_BASE = "url"


class Likeness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an answer must be like; all that is given must hold.

    `status` are HTTP statuses, `body` a pattern (RE2) searched in the text, `json` maps places
    (`messages.0.status`) to the texts that may stand there.
    """

    status: tuple[int, ...] = ()
    body: str = ""
    json: dict[str, tuple[str, ...]] = {}


class Failure(Likeness, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that refuses: why, and whether the same message may be taken later."""

    reason: Reason
    transient: bool = False


class Pick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where something stands in an answer: a place in its JSON, the first group of a pattern, or a header."""

    json: str = ""
    body: str = ""
    header: str = ""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request and the meaning of its answers. `form` and `json` are two ways of a body; at most one is given.

    `accepted` without a status wants one of success. Of `failures` the first that fits counts. `pick` is what is read
    out of an accepted answer: the reference of a message, or a balance.
    """

    method: Literal["GET", "POST"] = "POST"
    url: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    form: dict[str, str] | None = None
    json: dict[str, Any] | None = None
    accepted: Likeness = Likeness()
    failures: tuple[Failure, ...] = ()
    pick: Pick = Pick()


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose placeholders are filled in."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] | None
    json: dict[str, Any] | None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway answered; names of headers are small."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fill(exchange: Exchange, values: Mapping[str, str]) -> Filled:
    """Return the request with these values; a field that is nothing but an empty placeholder is left out.

    Raises `ValueError` for a placeholder that has no value.
    """
    escaped = {name: value if name == _BASE else quote(value, safe="") for name, value in values.items()}
    return Filled(
        method=exchange.method,
        url=_filled(exchange.url, escaped),
        query=_fields(exchange.query, values),
        headers=_fields(exchange.headers, values),
        form=None if exchange.form is None else _fields(exchange.form, values),
        json=None if exchange.json is None else _tree(exchange.json, values),
    )


def _fields(fields: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {name: _filled(text, values) for name, text in fields.items() if not _left_out(text, values)}


def _left_out(text: object, values: Mapping[str, str]) -> bool:
    alone = PLACEHOLDER.fullmatch(text) if isinstance(text, str) else None
    return alone is not None and not _value(alone[1], values)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: _value(found[1], values), text)


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise ValueError(f"there is no placeholder {{{name}}}; there are: {', '.join(sorted(values))}")
    return values[name]


def _tree(node: Any, values: Mapping[str, str]) -> Any:
    match node:
        case str():
            return _filled(node, values)
        case dict():
            return {name: _tree(one, values) for name, one in node.items() if not _left_out(one, values)}
        case list() | tuple():
            return [_tree(one, values) for one in node]
        case _:
            return node


def judge(exchange: Exchange, response: Response) -> str:
    """Return what is picked out of an accepted answer (empty: nothing); raise `DeliveryError` for any other.

    What the description does not name may pass: nobody knows whether the message would be refused again.
    """
    content = _Content(response)
    accepted = exchange.accepted
    if (accepted.status or 200 <= response.status < 300) and content.holds(accepted):
        return content.pick(exchange.pick)
    named = next((failure for failure in exchange.failures if content.holds(failure)), None)
    reason, transient = (named.reason, named.transient) if named else (_by_status(response.status), True)
    raise DeliveryError(
        reason, transient=transient, retry_after=retry_after(response.headers), detail=str(response.status)
    )


def _by_status(status: int) -> Reason:
    if status == 429:
        return "throttled"
    if status >= 500:
        return "server_error"
    if status in (401, 403):
        return "authentication"
    return "misconfigured" if 300 <= status < 400 or status in (404, 405) else "invalid_answer"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, at most `LONGEST_RETRY_AFTER`; None where it asks for nothing.

    A date there counts from the `Date` of the same answer, so that nobody's clock is compared with another's.
    """
    written = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", written, re.ASCII):
        return min(float(written), LONGEST_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(written) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait.total_seconds(), 0.0), LONGEST_RETRY_AFTER)


class _Content:
    """An answer as text and as JSON, each read once."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._text = response.body.decode("utf-8", errors="replace")
        try:
            self._json = msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._json = None

    def holds(self, test: Likeness) -> bool:
        return (
            (not test.status or self._response.status in test.status)
            and (not test.body or re2.search(test.body, self._text) is not None)
            and all(place(self._json, path) in texts for path, texts in test.json.items())
        )

    def pick(self, pick: Pick) -> str:
        if pick.json:
            return place(self._json, pick.json)
        if pick.header:
            return self._response.headers.get(pick.header.lower(), "")
        found = re2.search(pick.body, self._text) if pick.body else None
        return found[1] if found else ""


def place(tree: Any, path: str) -> str:
    """Return what stands at a place of decoded JSON, as text; empty where nothing does."""
    for part in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return ""
    match tree:
        case bool():
            return str(tree).lower()
        case None | dict() | list():
            return ""
        case _:
            return str(tree)
