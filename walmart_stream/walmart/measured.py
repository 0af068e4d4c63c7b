"""A transport that reports how long each answer took, and when one was a success."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from walmart_stream.walmart.transport import Response, Transport

# Gets the seconds that an answer took, and whether its status was a success.
Report = Callable[[float, bool], None]


class MeasuredTransport:
    """*transport*, with a *report* of each answer; *clock* gives seconds and is monotonic.

    A call without an answer is not reported: its error is counted where it is handled, and its
    timeout would say nothing about how fast Walmart is.
    """

    def __init__(self, transport: Transport, clock: Callable[[], float], report: Report) -> None:
        self._transport = transport
        self._clock = clock
        self._report = report

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str],
        timeout: float,
        body: bytes | None = None,
        url_as_is: bool = False,
    ) -> Response:
        """See :class:`walmart_stream.walmart.transport.Transport`; raises as *transport* does."""
        began = self._clock()
        response = await self._transport.request(
            method,
            url,
            params=params,
            headers=headers,
            timeout=timeout,
            body=body,
            url_as_is=url_as_is,
        )
        self._report(self._clock() - began, 200 <= response.status < 300)
        return response

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()
