"""The pages: server-rendered HTML of the same data that the API answers in JSON."""
