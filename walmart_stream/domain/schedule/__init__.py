"""Schedules polls: the next items to ask for, and the calls that there are for them.

``poll``: what is kept of an item's polls. ``quota``: the calls of a day. ``pace``: how fast they
may be spent. ``sights``: what is kept of an item's changes. ``rates``: how often it changes.
``uniform`` and ``learning``: the time of an item's next poll. ``queue``: the watched items in the
order of asking. All pure: the caller brings the time.
"""
