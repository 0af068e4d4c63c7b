"""Sessions that were planted, kept or made of something else let nobody in."""

from __future__ import annotations

import pytest

from tests.web.test_login import FORM, TOKEN, get, post, sign_in


async def test_whoever_signs_in_gets_a_session_that_nobody_else_knows(open_site) -> None:
    """A cookie that was planted before (fixation), forged, or of an ended session stays refused."""
    site = await open_site(web_token=TOKEN)
    ended = await sign_in(site)
    await post(site, "/logout", {}, 303, Cookie=ended, **FORM)
    name, _, value = ended.partition("=")
    end, _, mac = value.split(".")

    for planted in (ended, f"{name}={end}.{'A' * 22}.{mac}", f"{name}=planted"):
        response, _ = await post(site, "/login", {"token": TOKEN}, 303, Cookie=planted)
        given = response.headers["Set-Cookie"].partition(";")[0]
        site.client.session.cookie_jar.clear()

        assert given != planted
        assert given.split(".")[1] not in planted
        await get(site, "/watchlist", 200, Cookie=given)
        await get(site, "/watchlist", 303, Cookie=planted)


@pytest.mark.parametrize("path", ["/watchlist", "/items", "/alerts", "/system", "/"])
async def test_a_session_is_no_token_and_a_token_no_session(open_site, path) -> None:
    """Whoever sees one of them cannot use it as the other."""
    site = await open_site(web_token=TOKEN)
    name, _, value = (await sign_in(site)).partition("=")

    await get(site, path, 401, Authorization=f"Bearer {value}")
    await get(site, path, 303, Cookie=f"{name}={TOKEN}")
