"""Walmart's APIs: authenticated, within their quotas, their failures told apart."""
