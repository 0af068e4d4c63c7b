"""Reports: asked for, made by Walmart in its own time, fetched through a link that expires."""

from __future__ import annotations

from urllib.parse import quote

from walmart_stream.walmart.errors import Gone, JobFailed, MalformedResponse, NotFound
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import REPORT_LINK, REPORT_STATUS, REQUEST_REPORT
from walmart_stream.walmart.seller.polling import poll

# 20 looks an hour are allowed for all reports together; this leaves half of them to others.
POLL_EVERY = 360.0

# Walmart takes up to 45 minutes.
PATIENCE = 5400.0

# Links that may expire under one download.
LINKS = 2

_PATH = "/v3/reports/reportRequests"


class SellerReports:
    """Asks for reports and fetches their files."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def request(self, kind: str, version: str) -> str:
        """Asks for a report such as BUYBOX, v1; the request's id.

        Raises:
            WalmartError: the call failed.
        """

        def request_id(reply: Reply) -> str:
            found = read.text(read.document(reply.document, "report").get("requestid"))
            if found is None:
                raise MalformedResponse("the answer to the report request has no requestId")
            return found

        return await self._calls.call(
            REQUEST_REPORT,
            _PATH,
            request_id,
            params={"reportType": kind, "reportVersion": version},
            document={},
        )

    async def status(self, request_id: str) -> str:
        """RECEIVED, SUBMITTED, INPROGRESS, READY or ERROR.

        Raises:
            ContentNotFound: there is no such request, or no longer.
            WalmartError: the call failed.
        """

        def status(reply: Reply) -> str:
            found = read.text(read.document(reply.document, "report").get("requeststatus"))
            if found is None:
                raise MalformedResponse("the answer about the report has no requestStatus")
            return found.upper()

        return await self._calls.call(
            REPORT_STATUS, f"{_PATH}/{quote(request_id, safe='')}", status
        )

    async def fetch(self, request_id: str) -> bytes:
        """The file of a report that is READY, as it is stored.

        Raises:
            Gone: it was deleted, or its links expire faster than they can be used.
            WalmartError: a call failed.
        """
        for attempt in range(1, LINKS + 1):
            try:
                return await self._calls.download(await self._link(request_id))
            except Gone:
                if attempt == LINKS:
                    raise
        raise AssertionError

    async def wait(
        self, request_id: str, *, every: float = POLL_EVERY, within: float = PATIENCE
    ) -> bytes:
        """The file when it is made, looked for every *every* seconds.

        Raises:
            NotReady: it is not, within *within* seconds.
            JobFailed: Walmart could not make it.
            WalmartError: a call failed in a way that waiting does not heal.
        """
        is_made = False

        async def ask() -> bytes | None:
            nonlocal is_made
            if not is_made:
                status = await self.status(request_id)
                if status == "ERROR":
                    raise JobFailed(
                        f"Walmart could not make report {request_id}; ask for a new one"
                    )
                is_made = status == "READY"
            if not is_made:
                return None
            try:
                return await self.fetch(request_id)
            except NotFound:
                # READY may be said before the file is there.
                return None

        what = f"report {request_id}"
        return await poll(ask, what=what, every=every, within=within, retry=self._calls.retry)

    async def _link(self, request_id: str) -> str:
        def link(reply: Reply) -> str:
            found = read.text(read.document(reply.document, "report").get("downloadurl"))
            if found is None:
                raise MalformedResponse("the answer about the file has no downloadURL")
            return found

        return await self._calls.call(
            REPORT_LINK, "/v3/reports/downloadReport", link, params={"requestId": request_id}
        )
