"""Channels: the ways by which alerts reach people and programs.

A channel accepts a message or says why not; its caller decides about retries.
"""
