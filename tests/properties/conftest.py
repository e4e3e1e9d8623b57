"""Properties run beside servers and other tests on two cores: how long one example takes says nothing."""

from hypothesis import settings

settings.register_profile("waybill", deadline=None)
settings.load_profile("waybill")
