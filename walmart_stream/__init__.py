"""Price and shipping monitor for Walmart marketplace sellers, on Kafka and Faust."""

__version__ = "0.1.0"
