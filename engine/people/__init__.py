"""Who may do what: the directory in force, users and their sessions, tokens of machines."""
