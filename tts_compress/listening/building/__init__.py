"""From a test file to a built test, and to other programs' forms of it."""
