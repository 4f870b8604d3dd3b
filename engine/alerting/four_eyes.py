"""Four eyes: whether two credentials belong to two people (docs/readings.md, two people).

A change that needs two people is proposed by one credential and approved by another that belongs to another person.
"""

from __future__ import annotations

from engine.alerting.credential import Credential


def owner(credential: Credential) -> str:
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
    return owner(credential).startswith("person:")


def same_person(one: Credential, other: Credential) -> bool:
    """Say whether two credentials belong to one person, who may not approve what they proposed."""
    return owner(one) == owner(other)
