"""What the route of a gateway carries, as files write it (escalation.md 9): in gateways.yaml and in policy tests.

Here: the keys of a profile. Not here: the gateways themselves (`loading.gateways`), and what a profile does to a text
(`wording.profile`) or to a report (`service.gateways`).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

import msgspec

from engine.judging.instant import MINUTE, SECOND, Millis
from engine.loading.finding import Findings
from engine.loading.form import form_of, list_of
from engine.loading.marked import Node
from engine.loading.moment import duration
from engine.loading.value import boolean, text, word

Trust = Literal["none", "low", "high"]
TRUSTS: tuple[Trust, ...] = ("none", "low", "high")
_RATE = re.compile(r"([1-9]\d{0,5})/(s|m)", re.ASCII)


class Rate(NamedTuple):
    """At most so many within so many milliseconds."""

    at_most: int
    within: Millis


class RouteProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a route carries. `dlr_trust` None: what the channel has by itself; `dlr_timeout` in milliseconds.

    `sender_id` is the name that messages come from, where the gateway wants to be told. `rate` is how many messages may
    go within how many milliseconds (None: any).
    """

    two_way: bool = False
    concat: bool = False
    unicode: bool = False
    url_ok: bool = True
    banned_words: tuple[str, ...] = ()
    dlr_trust: Trust | None = None
    dlr_timeout: Millis = 10 * MINUTE
    sender_id: str = ""
    rate: Rate | None = None


def route_profile(node: Node, findings: Findings) -> RouteProfile:
    """Take a profile."""
    form = form_of(node, findings)
    default = RouteProfile()
    sender = form.node("sender_id")
    found = RouteProfile(
        two_way=form.read("two_way", boolean, default.two_way),
        concat=form.read("concat", boolean, default.concat),
        unicode=form.read("unicode", boolean, default.unicode),
        url_ok=form.read("url_ok", boolean, default.url_ok),
        banned_words=form.read("banned_words", list_of(text, single=True), ()),
        dlr_trust=cast("Trust | None", form.read("dlr_trust", word(*TRUSTS), None)),
        dlr_timeout=form.read("dlr_timeout", duration(minimum=MINUTE), default.dlr_timeout),
        rate=form.read("rate", rate, None),
        sender_id="" if getattr(sender, "empty", True) else form.read("sender_id", text, ""),
    )
    form.close()
    return found


def rate(node: Node, findings: Findings) -> Rate:
    """Take a rate: `20/s` or `600/m`."""
    written = text(node, findings)
    found = _RATE.fullmatch(written)
    if found is None:
        raise findings.unusable("not_a_rate", node.mark, text=written)
    return Rate(int(found[1]), SECOND if found[2] == "s" else MINUTE)
