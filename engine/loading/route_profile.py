"""What the route of a gateway carries, as files write it (escalation.md 9): in gateways.yaml and in policy tests.

Here: the keys of a profile. Not here: the gateways themselves (`loading.gateways`), and what a profile does to a text
(`wording.profile`) or to a report (`service.gateways`).
"""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from engine.judging.instant import MINUTE, Millis
from engine.loading.finding import Findings
from engine.loading.form import form_of, list_of
from engine.loading.marked import Node
from engine.loading.moment import duration
from engine.loading.value import boolean, text, word

Trust = Literal["none", "low", "high"]
TRUSTS: tuple[Trust, ...] = ("none", "low", "high")
LATER = ("rate",)
"""Keys of the language that this version does not have."""


class RouteProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a route carries. `dlr_trust` None: what the channel has by itself; `dlr_timeout` in milliseconds.

    `sender_id` is the name that messages come from, where the gateway wants to be told.
    """

    two_way: bool = False
    concat: bool = False
    unicode: bool = False
    url_ok: bool = True
    banned_words: tuple[str, ...] = ()
    dlr_trust: Trust | None = None
    dlr_timeout: Millis = 10 * MINUTE
    sender_id: str = ""


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
        sender_id="" if getattr(sender, "empty", True) else form.read("sender_id", text, ""),
    )
    form.close(unavailable=LATER)
    return found
