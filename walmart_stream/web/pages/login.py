"""Signing in and out: WEB_TOKEN once, then a cookie."""

from __future__ import annotations

from aiohttp import web

from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotFound, Unauthorized
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.pages.forms import read_form
from walmart_stream.web.pages.frame import render, see
from walmart_stream.web.pages.inputs import LoginForm, LoginQuery, NoForm
from walmart_stream.web.sessions import Sessions
from walmart_stream.web.wanted import own_path


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The form; where no token is set, a page that says that none is needed."""
    target = own_path(query(LoginQuery, request).next)
    return render(request, "login.html", target=target, needs_token=context.sessions is not None)


async def sign_in(context: Context, request: web.Request) -> web.StreamResponse:
    """Begin a session for whoever knows the token; failures are counted as those of the API."""
    query(LoginQuery, request)
    sessions = _sessions(context)
    form = await read_form(request, LoginForm)
    if not sessions.is_token(form.token):
        raise Unauthorized("that is not the token: it is the value of WEB_TOKEN")
    response = see(own_path(form.next))
    sessions.begin(response)
    return response


async def sign_out(context: Context, request: web.Request) -> web.StreamResponse:
    """End the session."""
    query(NoQuery, request)
    await read_form(request, NoForm)
    response = see("/login")
    if context.sessions is not None:
        context.sessions.end(request, response)
    return response


def _sessions(context: Context) -> Sessions:
    if context.sessions is None:
        raise NotFound("there is nothing to sign in to: WEB_TOKEN is not set")
    return context.sessions
