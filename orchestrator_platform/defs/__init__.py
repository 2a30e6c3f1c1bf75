"""The shipped pipeline: vulnerability triage on CISA's public feeds. Deleting it leaves a working, empty platform."""
