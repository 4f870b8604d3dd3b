"""The desks of a sender's token, as the service tells them: by which name its rows report, and which names it may use.

The question is asked once and not again: where it is not answered, the events go into the spool all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec

PATH = "/v1/token"
SECONDS = 10.0
ANY = "*"


class OwnDesks(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the service: the token's region, its own desk, and the names that its events may have."""

    region: str
    desk: str
    desks: tuple[str, ...]

    @property
    def is_bound(self) -> bool:
        """Say whether it reports for named desks alone; else each row reports for its region."""
        return ANY not in self.desks


def ask(
    url: str,
    token: str,
    *,
    ca_file: Path | None = None,
    transport: httpx.BaseTransport | None = None,
) -> OwnDesks | None:
    """Return the desks of a token; None where the service is away, refuses the token, or is too old to say."""
    verify: Any = str(ca_file) if ca_file else True
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(
            base_url=url,
            headers=headers,
            timeout=SECONDS,
            follow_redirects=False,  # a redirect would carry the token elsewhere
            verify=verify,
            transport=transport,
        ) as client:
            answer = client.get(PATH)
        return (
            msgspec.json.decode(answer.content, type=OwnDesks)
            if answer.status_code == httpx.codes.OK
            else None
        )
    except (httpx.HTTPError, msgspec.DecodeError):
        return None
