"""How Hypothesis looks for examples: without time limits, as nobody knows how busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests import tools

# Under ``CI=true`` the examples are always the same: what fails there fails for everybody.
settings.register_profile(
    "patient", deadline=None, derandomize=tools.ON_CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
