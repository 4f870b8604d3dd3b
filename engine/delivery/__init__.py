"""Messages out: what is due is ordered, claimed with its text, handed to a gateway, and recorded.

Start with `dispatcher`; `gateways` knows the breakers, `delivery_reports` records what gateways say later.
"""
