"""The Marketplace Seller API of the sandbox: one seller's offers on the items of the catalogue."""
