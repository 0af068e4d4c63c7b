"""Kafka outside of Faust: clients and logins, topics and permissions, reading to the end."""
