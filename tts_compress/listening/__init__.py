"""Listening tests: runs to a blinded test, ratings to statistics. Reads files and no models."""
