"""What runs Waybill: topics and migrations (`python -m deploy prepare`) and the local run (`python -m deploy.local`)."""
