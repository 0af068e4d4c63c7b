"""Channels: how people and programs are told of alerts.

A channel takes a message or says why not; when it is tried again is not its business.
"""
