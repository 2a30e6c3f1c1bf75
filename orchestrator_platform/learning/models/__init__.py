"""Models: examples in, an artefact with calibrated probabilities out. Pure work that knows no lake and no gate."""
