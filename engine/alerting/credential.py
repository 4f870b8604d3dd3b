"""Credentials: by what an act is believed to be somebody's (docs/readings.md, identity).

A credential is checked where a request comes in. From there on its id goes with the command into history and audit.
No name in a body, form or option takes its place.
"""

from __future__ import annotations

from typing import Literal

import msgspec

CredentialKind = Literal["token", "user", "link", "phone", "os", "gateway", "service"]
"""`token`: of the API. `user`: signed in to the console. `link`: of one message to one person. `phone`: an SMS from
that contact. `os`: an account of this machine. `gateway`: a callback. `service`: a part of Siaga, which nobody asked.
"""


class Credential(msgspec.Struct, frozen=True):
    """One credential: its kind, its id within the kind, and the person of the directory whose it alone is.

    `id` is opaque: of a token, a user, a notification, a contact, an account. It holds no secret and no address.
    `person` is empty where the credential is bound to no person.
    """

    kind: CredentialKind
    id: str
    person: str = ""

    def __str__(self) -> str:
        """Return the form that history and audit hold, such as `token:4be1a2c3d4`."""
        return f"{self.kind}:{self.id}"


EVALUATOR = Credential("service", "evaluator")
"""Judging: what events mean."""
ESCALATOR = Credential("service", "escalator")
"""Timers and the begin and end of silences."""
DISPATCHER = Credential("service", "dispatcher")
"""Attempts to deliver, and messages that are not wanted any more."""
INTERNAL_ALERTS = Credential("service", "internal_alerts")
"""Siaga's own alerts."""
START = Credential("service", "start")
"""The first start of an installation, which takes its files as they lie."""
SIMULATION = Credential("service", "simulation")
"""Rule tests, policy tests, backtests and previews."""
