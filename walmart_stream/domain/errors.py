"""Why an input cannot be processed. None of these ends the process.

A BadInput becomes a dead letter. What is Unprocessable shows a fault of this program: its
partition is parked, so that the record is processed once the program is mended.

BadInput
├── EmptyValue          no value where one is due
├── KeyFault            the key is missing, or is not the item id
├── MalformedJson       not JSON
├── WrongShape          JSON, but a field is missing or has the wrong type
├── BadNumber           not a usable amount of money
├── BadTime             not a point in time with a time zone
├── UnsupportedSource   a payload of a form that this version does not read from its source
├── TooLarge            more than a record of a topic may have, once it is decompressed
└── Refused             a document that the database does not take

Unprocessable
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


class TooLarge(BadInput):
    pass


class Refused(BadInput):
    pass


class Unprocessable(Exception):
    """Input that makes this program fail; its ``__cause__`` is how."""

    @property
    def cause(self) -> str:
        """The class of the failure: its message may quote the input."""
        return type(self.__cause__).__name__
