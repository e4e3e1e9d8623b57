"""The providers that messages go out through."""

PROVIDERS = {"ses": "Amazon SES", "twilio": "Twilio"}
"""By their code, with the name that people know them by."""
