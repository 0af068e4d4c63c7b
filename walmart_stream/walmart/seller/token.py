"""The seller's access token: fetched by client credentials, kept, and renewed in time."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

from walmart_stream.walmart.error_bodies import read_error
from walmart_stream.walmart.errors import CredentialsRefused, MalformedResponse
from walmart_stream.walmart.seller.error_response import as_error, read_document
from walmart_stream.walmart.transport import Transport

SERVICE_NAME = "Walmart Marketplace"

# What Walmart gives, should an answer not say it.
USUAL_LIFE = 900.0

# Renewed so long before its end, or a tenth of a shorter life: a request may be on its way for
# as long as its timeout, and Walmart looks at the token when it arrives.
MARGIN = 60.0

# Refused credentials are not tried more often than good ones would be: nothing but a person
# makes them good, and an account may be locked.
REFUSED_FOR = 900.0


class _Token(NamedTuple):
    text: str
    renew_at: float


class SellerToken:
    """One token for all tasks; whoever needs it while it is being fetched waits for that fetch.

    *base_url* without a trailing slash. *clock* gives seconds and should be monotonic,
    *new_request_id* a fresh correlation id. *timeout* is seconds for the request.
    """

    def __init__(
        self,
        transport: Transport,
        client_id: str,
        client_secret: str,
        *,
        base_url: str,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        timeout: float,
    ) -> None:
        self._transport = transport
        self._secrets = (client_id.strip(), client_secret.strip())
        self._url = f"{base_url}/v3/token"
        self._clock = clock
        self._new_request_id = new_request_id
        self._timeout = timeout
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token] | None = None
        self._refused: tuple[float, CredentialsRefused] | None = None

    def __repr__(self) -> str:
        return f"SellerToken({self._url!r})"

    async def get(self) -> str:
        """A token that is good for a request that is sent now.

        Raises:
            CredentialsRefused: Walmart does not know the credentials; for a while this is said
                without asking it again.
            WalmartError: the request failed.
        """
        now = self._clock()
        if self._token is not None and now < self._token.renew_at:
            return self._token.text
        if self._refused is not None and now < self._refused[0]:
            refused = self._refused[1]
            raise CredentialsRefused(str(refused), status=refused.status, code=refused.code)
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
            # Where all who waited have been cancelled, nobody is left to look at its failure.
            self._fetching.add_done_callback(lambda task: task.cancelled() or task.exception())
        # One caller that gives up must not take the token from the others.
        token = await asyncio.shield(self._fetching)
        return token.text

    def discard(self, token: str) -> None:
        """Walmart has rejected *token*; the next ``get`` fetches a new one, if none has yet."""
        if self._token is not None and self._token.text == token:
            self._token = None

    def secrets(self) -> tuple[str, ...]:
        """The values that no message may hold."""
        return self._secrets if self._token is None else (*self._secrets, self._token.text)

    async def close(self) -> None:
        """Ends a fetch under way."""
        if self._fetching is not None and not self._fetching.done():
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _fetch(self) -> _Token:
        basic = b64encode(":".join(self._secrets).encode()).decode()
        asked_at = self._clock()
        response = await self._transport.request(
            "POST",
            self._url,
            headers={
                "Authorization": f"Basic {basic}",
                "WM_SVC.NAME": SERVICE_NAME,
                "WM_QOS.CORRELATION_ID": self._new_request_id(),
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=b"grant_type=client_credentials",
            timeout=self._timeout,
        )
        secrets = (*self._secrets, basic)
        if response.status in (400, 401, 403):
            said = read_error(response.body)
            refused = as_error(
                response.status, response.headers, said, secrets, kind=CredentialsRefused
            )
            assert isinstance(refused, CredentialsRefused)
            self._refused = self._clock() + REFUSED_FOR, refused
            raise refused
        document = read_document(response.status, response.headers, response.body, secrets=secrets)
        self._token = _read(document, asked_at)
        self._refused = None
        return self._token


def _read(document: Any, asked_at: float) -> _Token:
    text = document.get("access_token") if isinstance(document, dict) else None
    # It becomes a header, where nothing else can stand.
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        text = ""
    if not text:
        raise MalformedResponse("the answer to the token request has no usable access_token")
    try:
        life = float(document.get("expires_in", USUAL_LIFE))
    except (TypeError, ValueError):
        life = USUAL_LIFE
    if not 0 < life < float("inf"):
        life = USUAL_LIFE
    return _Token(text, asked_at + life - min(MARGIN, life / 10))
