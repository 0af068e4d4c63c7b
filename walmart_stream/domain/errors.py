"""Why an input cannot be processed. Each of these becomes a dead letter, never a crash.

BadInput
├── EmptyValue          no value where one is due
├── KeyFault            the key is missing, or is not the item id
├── MalformedJson       not JSON
├── WrongShape          JSON, but a field is missing or has the wrong type
├── BadNumber           not a usable amount of money
├── BadTime             not a point in time with a time zone
└── UnsupportedSource   a payload of a form that this version does not read from its source
"""

from __future__ import annotations


class BadInput(Exception):
    """Base of all faults of an input; the message says what a person can look for."""


class EmptyValue(BadInput):
    pass


class KeyFault(BadInput):
    pass


class MalformedJson(BadInput):
    pass


class WrongShape(BadInput):
    pass


class BadNumber(BadInput):
    pass


class BadTime(BadInput):
    pass


class UnsupportedSource(BadInput):
    pass
