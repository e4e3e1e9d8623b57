"""Properties run beside servers and other tests on two cores: how long one example takes says nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile("waybill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("waybill")
