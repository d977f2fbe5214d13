"""A built test on the web: pages and sounds to listeners, answers to a database."""
