"""Embedding: texts in, vectors out. Pure work that knows no lake, no gate and no asset."""
