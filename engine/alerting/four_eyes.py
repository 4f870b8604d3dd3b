"""Four eyes: whether two credentials belong to two people (docs/readings.md, two people).

A change that needs two people is proposed by one credential and approved by another that belongs to another person.
"""

from __future__ import annotations

from engine.alerting.credential import Credential


def owner(credential: Credential) -> str:
    """Return whose credential it is: of a person of the directory, or only itself.

    A user that is bound to nobody counts as the person of the same id, for an installation may name users so. A token,
    an account of the machine and a part of Siaga that are bound to nobody count as themselves.
    """
    person = credential.person or (credential.id if credential.kind == "user" else "")
    return f"person:{person}" if person else str(credential)


def same_person(one: Credential, other: Credential) -> bool:
    """Say whether two credentials belong to one person, who may not approve what they proposed."""
    return owner(one) == owner(other)
