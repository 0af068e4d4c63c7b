"""The Affiliate API of the sandbox: signatures, quota, item answers and their ground truth."""
