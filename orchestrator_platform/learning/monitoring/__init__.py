"""Watching a model after it was trained: how its inputs, its scores and its answers differ from those it was made with.

Pure: frames and arrays in, numbers out. It knows no lake and trains nothing.
"""
