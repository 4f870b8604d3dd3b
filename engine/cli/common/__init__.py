"""What commands share: options, output for people and programs, and opening the store."""
