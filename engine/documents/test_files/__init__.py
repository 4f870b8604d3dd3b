"""Rule tests and policy tests as people write them, from YAML to values. `engine.simulation` runs them."""
