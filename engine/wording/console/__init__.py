"""What the pages of the console say: view data in one language, of values alone; no HTTP and no store."""
