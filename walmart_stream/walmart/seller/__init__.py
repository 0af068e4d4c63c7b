"""The Marketplace Seller API: the seller's own items, prices, feeds, reports and webhooks."""
