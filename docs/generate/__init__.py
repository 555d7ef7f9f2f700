"""The reference pages, made from the code: python -m docs.generate writes them, and a test compares them with it."""
