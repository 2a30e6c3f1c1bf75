"""What runs in processes of its own, so that imports, memory and caches of one measurement do not serve another."""
