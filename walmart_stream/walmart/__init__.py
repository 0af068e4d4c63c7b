"""Walmart's Affiliate API: signed, within its quotas, its failures told apart."""
