"""What a gateway brings by calling us: delivery reports, and texts of phones, in the shape that its description tells.

Here: whether the caller is the gateway, and from fields to reports and texts. Not here: HTTP (`web.api.callbacks`),
what a report changes (`delivery.delivery_reports`) and what a text leads to (`answers.sms_inbound`). Who is not
believed learns nothing, not even whether there is such a gateway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import structlog

from engine.answers.sms_inbound import Inbound
from engine.clock import Clock
from engine.core.judging.instant import MINUTE, SECOND
from engine.delivery.delivery_reports import DeliveryReports, GatewayReferences
from engine.delivery.gateways import Caller
from engine.documents.adapters import Authentication, Callback
from engine.escalation.item_retry import ItemRetry

YOUNGEST_SIGNED = 5 * MINUTE
"""A signature whose timestamp is further away from now is not believed, in milliseconds."""
MOST_AT_ONCE = 1_000
"""Reports or texts in one call."""
_SIGNED = "sha256="

log = structlog.get_logger(__name__)


class Call(NamedTuple):
    """A request: names of headers are small, `query` the fields of its address."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class NotBelievedError(Exception):
    """The call does not prove that it comes from the gateway, or there is no such gateway."""


class UnreadableError(Exception):
    """The call is the gateway's, and not in the shape that its description tells."""


class UnfinishedError(Exception):
    """Something of the call raised; all else of it was dealt with, and the same call may come again."""


class Callbacks:
    """Takes calls."""

    def __init__(
        self,
        callers: Mapping[str, Caller],
        clock: Clock,
        *,
        reports: DeliveryReports,
        inbound: Inbound,
        receipts: GatewayReferences,
        setbacks: ItemRetry,
    ) -> None:
        self._callers = callers
        self._clock = clock
        self._reports = reports
        self._inbound = inbound
        self._receipts = receipts
        self._setbacks = setbacks

    async def report(self, gateway: str, call: Call) -> None:
        """Take delivery reports; states that say nothing final (queued, buffered) are left."""
        callback, tree = self._open(gateway, call)
        reporting = callback.reports
        if reporting is None:
            raise UnreadableError

        async def take(item: Any) -> None:
            state = _place(item, reporting.state)
            outcome: Literal["delivered", "failed"]
            if state in reporting.delivered:
                outcome = "delivered"
            elif state in reporting.failed:
                outcome = "failed"
            else:
                return
            ours = _place(item, reporting.notification) if reporting.notification else ""
            if not ours and reporting.reference:
                reference = _place(item, reporting.reference)
                ours = await self._receipts.notification(gateway, reference, outcome)
            if ours:
                reason = "undelivered" if outcome == "failed" else ""
                await self._reports.take(ours, outcome, reason=reason, gateway=gateway)

        await self._each(gateway, _items(tree, reporting.each), take)

    async def hear(self, gateway: str, call: Call) -> None:
        """Take texts that came in; a text's id counts for its gateway alone."""
        callback, tree = self._open(gateway, call)
        hearing = callback.inbound
        if hearing is None:
            raise UnreadableError
        items = list(_items(tree, hearing.each))

        async def take(item: Any) -> None:
            id_ = _place(item, hearing.id) if hearing.id else ""
            sender, text = _place(item, hearing.sender), _place(item, hearing.text)
            await self._inbound.hear(sender, text, gateway_id=f"{gateway}/{id_}" if id_ else "")

        readable = [item for item in items if _place(item, hearing.sender)]
        await self._each(gateway, readable, take)
        if len(readable) < len(items):
            raise UnreadableError

    async def _each(self, gateway: str, items: Iterable[Any], take: Callable[[Any], Awaitable[None]]) -> None:
        """Take all items; where one raises the others are taken all the same, and the gateway brings it again."""
        done = [await self._setbacks.spare_others(gateway, take(item)) for item in items]
        if not all(done):
            raise UnfinishedError

    def _open(self, gateway: str, call: Call) -> tuple[Callback, Any]:
        """Return what the gateway brings and the fields of the call; raise where it is not the gateway's."""
        caller = self._callers.get(gateway)
        if caller is None or not caller.secret:
            raise NotBelievedError
        proof = caller.callback.authenticate
        if proof.by == "hmac" and not self._signed(proof, caller.secret, call):
            raise NotBelievedError  # before the body is read as anything
        try:
            tree = _tree(call)
        except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
            raise (UnreadableError if proof.by == "hmac" else NotBelievedError) from None
        if proof.by != "hmac" and not _same(_shown(proof, call, tree), caller.secret):
            raise NotBelievedError
        return caller.callback, tree

    def _signed(self, proof: Authentication, secret: str, call: Call) -> bool:
        content = call.body
        if proof.timestamp:
            stamp = call.headers.get(proof.timestamp.lower(), "")
            if not stamp.isdecimal() or len(stamp) > 15:
                return False
            if abs(int(stamp) * SECOND - self._clock.now()) > YOUNGEST_SIGNED:
                return False
            content = stamp.encode() + b"." + content
        expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
        given = call.headers.get(proof.name.lower(), "").removeprefix(_SIGNED).lower()
        return _same(given, expected)


def _shown(proof: Authentication, call: Call, tree: Any) -> str:
    """Return the secret that a call shows."""
    match proof.by:
        case "header":
            return call.headers.get(proof.name.lower(), "").removeprefix("Bearer ")
        case "basic":
            scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
            try:
                login = base64.b64decode(encoded, validate=True).decode()
            except ValueError:  # of base64, UTF-8 or ASCII
                return ""
            return login.partition(":")[2] if scheme.lower() == "basic" else ""
        case _:
            return _place(tree, proof.name)


def _same(given: str, expected: str) -> bool:
    return bool(given) and hmac.compare_digest(given.encode(), expected.encode())


def _tree(call: Call) -> Any:
    """Return the fields of a call: those of its address, with those of its body before them."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not call.body:
        return dict(call.query)
    if media_type == "application/x-www-form-urlencoded":
        fields = parse_qsl(call.body.decode("ascii"), keep_blank_values=True, errors="strict")
        return {**call.query, **dict(fields)}
    decoded = msgspec.json.decode(call.body)
    return {**call.query, **decoded} if isinstance(decoded, dict) else decoded


def _items(tree: Any, each: str) -> Iterator[Any]:
    """Yield what a call brings: itself, or each of the list at a place of it."""
    if not each:
        yield tree
        return
    items = _at(tree, each)
    if not isinstance(items, list) or len(items) > MOST_AT_ONCE:
        raise UnreadableError
    yield from items


def _at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def _place(tree: Any, path: str) -> str:
    """Return what stands at a place, as text; empty where nothing does."""
    found = _at(tree, path)
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int | float) else ""
