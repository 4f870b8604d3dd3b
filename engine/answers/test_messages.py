"""Trials: one message to one contact, by the way that alerts take, so that somebody sees whether it arrives.

Here: from the id of a contact to the attempt. Not here: the words (`texts.preview`) and the code that one may carry
(`answers.verification`). A trial belongs to no alert and is kept nowhere: no report on it is known, and it counts in no
budget.
"""

from __future__ import annotations

from engine.answers.verification import Verifications
from engine.clock import Clock
from engine.core.alerting.command import Attempted
from engine.core.alerting.credential import Credential
from engine.core.alerting.ids import derive
from engine.delivery.dispatcher import Dispatcher
from engine.delivery.gateways import GatewayChoice
from engine.records.runtime_config import RuntimeConfig
from engine.texts.catalogue import Catalogue
from engine.texts.preview import trial_message


class ContactTrials:
    """Tries contacts."""

    def __init__(
        self,
        books: RuntimeConfig,
        clock: Clock,
        dispatcher: Dispatcher,
        catalogue: Catalogue,
        verifications: Verifications,
        *,
        base_url: str,
        sender: str,
    ) -> None:
        self._books = books
        self._clock = clock
        self._dispatcher = dispatcher
        self._catalogue = catalogue
        self._verifications = verifications
        self._base_url = base_url
        self._sender = sender

    async def send(
        self, contact_id: str, *, verify: bool = False, by: Credential | None = None
    ) -> Attempted | None:
        """Send a message that asks nothing, or to `verify` one with a code; None where there is no such contact.

        Raises `TooManyCodesError` before a gateway is chosen.
        """
        directory = await self._books.directory()
        contact = directory.contact(contact_id)
        person = directory.person(contact_id.partition("/")[0])
        if contact is None or person is None:
            return None
        now = self._clock.now()
        code = await self._verifications.ask(contact, now, by) if verify else ""
        id_ = derive("trial", self._books.namespace, contact.id, str(now))
        choice = await self._dispatcher.gateways.choose(contact.channel, contact.value, id_)
        words = trial_message(
            self._catalogue,
            person.language,
            contact,
            id_=id_,
            base_url=self._base_url,
            sender=self._sender,
            at=now,
            code=code,
            two_way=contact.channel == "sms"
            and isinstance(choice, GatewayChoice)
            and choice.gateway.profile.two_way,
        )
        return await self._dispatcher.try_contact(contact, words, id_)
