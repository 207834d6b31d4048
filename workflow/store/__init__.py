"""Rows of the engine. Functions take a transaction and never commit."""
