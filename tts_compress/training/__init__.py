"""Makes voices: a corpus, what the networks learn from it, and the training loop."""
