"""Signed-in browsers: a cookie made of WEB_TOKEN that is not WEB_TOKEN.

A browser cannot send a bearer token when it opens a page, so ``/login`` turns the token into a
cookie: an end, a random name, and their HMAC by a key derived from the token. Every worker with the
same token accepts it, nothing is stored, and another token ends all sessions.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

# Seconds: a working day and the evening after it. A cookie that was stolen ends with it.
LIFETIME = 12 * 3600

# Sessions that this worker remembers as signed out; a hundred bytes each. Their ends come on their
# own, so this would have to be exceeded within LIFETIME for one of them to be accepted again.
MOST_ENDED = 10_000

_PURPOSE = b"walmart-stream: sessions of browsers, 1"
_FORM = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})", re.ASCII)


class Sessions:
    """The sessions of one WEB_TOKEN.

    *clock* gives epoch seconds; *secure*: TLS is in front, and the cookie is for it only.
    """

    def __init__(
        self,
        token: str,
        clock: Callable[[], float],
        *,
        secure: bool,
        name: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self._key = hmac.digest(token.encode(), _PURPOSE, "sha256")
        self._token = token.encode()
        self._clock = clock
        self._name = name
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._secure = secure
        #: Name of the cookie. Browsers keep ``__Host-`` to this host, path / and TLS.
        self.cookie = "__Host-walmart-stream" if secure else "walmart-stream"

    def is_token(self, given: str) -> bool:
        """Whether *given* is WEB_TOKEN, compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def begin(self, response: web.StreamResponse) -> None:
        """Give a new session to whoever gets *response*."""
        body = f"{int(self._clock()) + LIFETIME}.{self._name()}"
        self._set(response, f"{body}.{self._mac(body)}", LIFETIME)

    def is_signed_in(self, request: web.Request) -> bool:
        """Whether *request* shows a session that was begun with this token and has not ended."""
        return self._valid(request.cookies.get(self.cookie, "")) is not None

    def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session of *request*: its browser forgets it, and this worker refuses it."""
        name = self._valid(request.cookies.get(self.cookie, ""))
        if name is not None:
            self._ended[name] = None
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)
        self._set(response, "", 0)

    def _valid(self, text: str) -> str | None:
        """The name of the session in a cookie."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        end, name, mac = found.groups()
        if not hmac.compare_digest(mac, self._mac(f"{end}.{name}")):
            return None
        return name if self._clock() < int(end) and name not in self._ended else None

    def _mac(self, body: str) -> str:
        return hmac.digest(self._key, body.encode(), "sha256").hex()

    def _set(self, response: web.StreamResponse, value: str, life: int) -> None:
        response.set_cookie(
            self.cookie,
            value,
            max_age=life,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._secure,
        )


#: Where the app of the views keeps its :class:`Sessions`; absent where no WEB_TOKEN is set.
SESSIONS = web.AppKey("sessions", Sessions)
