"""The failures between this program and Walmart, as one tree.

WalmartError
├── NoAnswer                    nothing, or not all, of an answer arrived
│   ├── ConnectionLost *        refused, reset, or closed before the end of the body
│   ├── RequestTimeout *        no complete answer in time
│   └── UntrustedServer         TLS: the certificate is not to be trusted
├── AuthenticationError         401: who we are could not be established
│   ├── SignatureRejected       wrong private key, or a damaged signature
│   ├── TimestampExpired        signed too long ago by Walmart's clock, or too far ahead
│   ├── KeyNotFound             no public key under this version, or not in effect yet
│   ├── MissingHeaders          signed headers are missing (403)
│   ├── UnusableKey             the private key in the settings cannot be used
│   ├── CredentialsRefused      the seller's client id or secret is wrong, or the key is revoked
│   └── TokenRejected           the seller's token is out of date (401, or 400 INVALID_TOKEN)
├── AccessDenied                403: we are known and may not
│   ├── NotSubscribed           the consumer id has not subscribed to this API
│   └── AccountInactive         the account is closed or suspended
├── BadRequest                  400: what was asked for is refused
│   ├── InvalidItem             code 4002: an item id is unknown, unavailable or no number
│   ├── NothingFound            code 4022: the item exists, nothing is known of it
│   ├── UriTooLong              414
│   └── CursorExpired           a list that was read page by page has to be read from its start
├── NotFound                    404: there is no such endpoint, or not for this seller
│   ├── ContentNotFound         nothing is there: no such SKU, or a list is empty
│   └── Gone                    a link to a file that has expired: ask for a new one
├── LimitReached                no call can be made now
│   ├── RateLimited *           429, or the wait for our own rate limit would be too long
│   └── DailyBudgetExhausted    the calls of this UTC day that are ours are used up
├── ResourceLocked *            423: another change of the same thing is under way
├── NotReady *                  Walmart has not finished a feed or a report in time
├── JobFailed                   Walmart gave a report up
├── ListTooLong                 a list is longer than Walmart lets anybody page
├── ServerUnavailable *         5xx: Walmart or its gateway is down
├── MalformedResponse *         not what the API promises: HTML, half a JSON, another shape
└── UnexpectedStatus            any other status, such as a redirect

``*`` is retriable: the same call may well succeed later, with nothing changed by a person.
"""

from __future__ import annotations

from typing import ClassVar


class WalmartError(Exception):
    """Base of all failures of a call to Walmart.

    The message says what happened and what a person can do; it holds no secrets. ``status`` is
    the HTTP status and ``code`` Walmart's own, ``None`` where there was none. ``retry_after``
    is how many seconds Walmart (or a limit of ours) wants us to stay away, if known.
    """

    retriable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class NoAnswer(WalmartError):
    pass


class ConnectionLost(NoAnswer):
    retriable = True


class RequestTimeout(NoAnswer):
    retriable = True


class UntrustedServer(NoAnswer):
    pass


class AuthenticationError(WalmartError):
    pass


class SignatureRejected(AuthenticationError):
    pass


class TimestampExpired(AuthenticationError):
    pass


class KeyNotFound(AuthenticationError):
    pass


class MissingHeaders(AuthenticationError):
    pass


class UnusableKey(AuthenticationError):
    pass


class CredentialsRefused(AuthenticationError):
    pass


class TokenRejected(AuthenticationError):
    pass


class AccessDenied(WalmartError):
    pass


class NotSubscribed(AccessDenied):
    pass


class AccountInactive(AccessDenied):
    pass


class BadRequest(WalmartError):
    pass


class InvalidItem(BadRequest):
    pass


class NothingFound(BadRequest):
    pass


class UriTooLong(BadRequest):
    pass


class CursorExpired(BadRequest):
    pass


class NotFound(WalmartError):
    pass


class ContentNotFound(NotFound):
    pass


class Gone(NotFound):
    pass


class LimitReached(WalmartError):
    pass


class RateLimited(LimitReached):
    retriable = True


class DailyBudgetExhausted(LimitReached):
    pass


class ResourceLocked(WalmartError):
    retriable = True


class NotReady(WalmartError):
    retriable = True


class JobFailed(WalmartError):
    pass


class ListTooLong(WalmartError):
    """``unreached`` of its entries could not be read."""

    def __init__(self, message: str, *, unreached: int) -> None:
        super().__init__(message)
        self.unreached = unreached


class ServerUnavailable(WalmartError):
    retriable = True


class MalformedResponse(WalmartError):
    retriable = True


class UnexpectedStatus(WalmartError):
    pass
