"""Which weights and units leave, and how many."""
