"""Ways of telling a person: one module per channel, plus what they share (`base`) and their list (`registry`).

A leaf: nothing here imports the engine, retries, reads the clock of the domain or decides whether a message is
wanted. A notifier takes a finished `Message` and answers with a `Receipt` or raises a `DeliveryError`.
"""
