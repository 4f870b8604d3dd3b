"""The API, one module per resource. `events` is the hot route."""
