"""What somebody of the duty desk says on the phone to a person whom no message can reach.

Here: one paragraph to be read aloud. Not here: who is called (`alerting.phone_list`).
"""

from __future__ import annotations

from engine.wording.account import Teller


def said_by_phone(teller: Teller) -> str:
    """Return the words: to whom, what, where, when with zone, and what is asked until when."""
    return teller.texts(
        "phone.say",
        salutation=teller.salutation(),
        headline=teller.headline(),
        asked=teller.asked(),
    ).strip()
