"""The store in a Redis or Valkey server: client, scripts, Sentinel, and a server of our own. Start with `store`."""
