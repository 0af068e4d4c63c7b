"""The Affiliate API: signed calls that read up to twenty items at a time."""
