"""Credentials: what proves who acts, and whether two credentials belong to two people.

Every command, history entry and audit entry carries one (docs/specification/trust.md#credentials and two people).

Specification: docs/specification/trust.md#one-person.
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


def credential_owner(credential: Credential) -> str:
    """Return whose credential it is: of a person of the directory, or only itself.

    A user or an account of the machine that is bound to nobody counts as the person of the same id, for an installation
    may name both so. A token and a part of Siaga that are bound to nobody count as themselves.
    """
    own = credential.id if credential.kind in ("user", "os") else ""
    person = credential.person or own
    return f"person:{person}" if person else str(credential)


def may_approve(credential: Credential) -> bool:
    """Say whether a credential belongs to a person, so that it can be somebody else's than what was proposed.

    A token that is bound to nobody may be in the hand of whoever proposed; the same holds for a part of Siaga.
    """
    return credential_owner(credential).startswith("person:")


def same_person(one: Credential, other: Credential) -> bool:
    """Say whether two credentials belong to one person, who may not approve what they proposed."""
    return credential_owner(one) == credential_owner(other)
