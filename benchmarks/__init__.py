"""How fast the platform is, as ratios to the plain way measured in the same run. No part of the package."""
