"""An embedding in a Weaviate server: a collection behind an alias, filled from the lake, verified before it serves."""
