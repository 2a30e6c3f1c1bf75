"""Published models in an MLflow registry: a version each, the champion and the one before it behind aliases."""
