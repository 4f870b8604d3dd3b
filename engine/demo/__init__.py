"""The public facts of 2024 as events, and office holders who do not exist, for demos and exercises."""
