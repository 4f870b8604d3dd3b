"""What comes back from people: links, SMS, calls of gateways, bounced mail, codes that verify a contact.

Start with `sms_inbound` or `links`.
"""
