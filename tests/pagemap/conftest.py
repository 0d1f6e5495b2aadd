"""How hypothesis runs here: no deadlines, for no test depends on time, and few examples, for there are many laws."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "pagelens",
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("pagelens")
