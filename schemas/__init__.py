"""Waybill's contracts: values, codecs, topics, settings, tenants and error codes. Nothing here does I/O."""
