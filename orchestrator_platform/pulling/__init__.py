"""Brings files from where others publish them; knows neither landing's rules nor the lake."""
