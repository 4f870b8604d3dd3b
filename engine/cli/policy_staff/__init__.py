"""Commands for people who write rules and policies: check, test, explain, try out, propose."""
