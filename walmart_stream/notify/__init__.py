"""Channels: the ways by which alerts reach people and programs.

A channel takes a message or says why not; when it is tried again is not its business.
"""
