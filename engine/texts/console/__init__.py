"""View data of the console in one language, of values alone: no HTTP and no store."""
