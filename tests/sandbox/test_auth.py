"""The signature check: what passes, and each documented way to be refused."""

from __future__ import annotations

import pytest


async def test_a_correct_signature_is_accepted_until_its_window_ends(open_sandbox):
    """The same headers may be used again for 180 seconds, and not a millisecond longer."""
    caller = await open_sandbox()
    headers = caller.signed()

    statuses = []
    for seconds in (0, 179.0, 0.999, 0.002):
        caller.clock.now += seconds
        statuses.append((await caller.get("taxonomy", headers=headers)).status)

    assert statuses == [200, 200, 200, 401]


async def test_header_names_are_case_insensitive_and_unknown_headers_are_ignored(open_sandbox):
    """HTTP header names have no case; sibling documents spell them in lower case."""
    caller = await open_sandbox()
    headers = {name.lower(): value for name, value in caller.signed().items()}

    reply = await caller.get("taxonomy", headers=headers | {"WM_IFX.CLIENT_TYPE": "x"})

    assert reply.status == 200


@pytest.mark.parametrize(
    "header",
    [
        "WM_CONSUMER.ID",
        "WM_CONSUMER.INTIMESTAMP",
        "WM_SEC.KEY_VERSION",
        "WM_SEC.AUTH_SIGNATURE",
    ],
)
async def test_a_missing_header_is_refused_before_anything_else(open_sandbox, header):
    """Each of the four headers is required: 403 with the gateway's text."""
    caller = await open_sandbox()
    headers = caller.signed()
    del headers[header]

    reply = await caller.get("items", headers=headers, ids=1)

    assert reply.status == 403
    assert reply.description == (
        "Request is missing required security headers, "
        "please read documentation for security headers"
    )


async def test_an_unknown_consumer_is_not_subscribed(open_sandbox):
    """A consumer id that nobody registered is 403, even with a wrong key version."""
    caller = await open_sandbox()
    caller.consumer, caller.version = "somebody-else", "9"

    reply = await caller.get("taxonomy")

    assert reply.status == 403
    assert "is not subscribed to the service name" in reply.description


async def test_an_unknown_key_version_is_refused_before_the_timestamp_is_looked_at(open_sandbox):
    """The key is looked up first: 401 "Public Key not found"."""
    caller = await open_sandbox()
    caller.version = "2"

    reply = await caller.get("taxonomy", headers=caller.signed(timestamp_ms=0))

    assert (reply.status, reply.description) == (401, "Public Key not found")


@pytest.mark.parametrize("skew_ms", [-180_001, 180_001])
async def test_a_timestamp_too_old_or_too_far_ahead_has_expired(open_sandbox, skew_ms):
    """The window is 180 seconds to both sides."""
    caller = await open_sandbox()
    stamp = int(caller.clock() * 1000) + skew_ms

    reply = await caller.get("taxonomy", headers=caller.signed(timestamp_ms=stamp))

    expected = f"The timestamp {stamp} passed for the signature has expired"
    assert (reply.status, reply.description) == (401, expected)


async def test_a_timestamp_in_seconds_has_expired(open_sandbox):
    """Epoch seconds are a common mistake; they look like 1970."""
    caller = await open_sandbox()

    reply = await caller.get("taxonomy", headers=caller.signed(timestamp_ms=int(caller.clock())))

    assert reply.status == 401
    assert "has expired" in reply.description


async def test_a_canonical_string_without_its_last_newline_does_not_verify(open_sandbox):
    """Every signed value ends with a newline, the last one too."""
    caller = await open_sandbox()

    reply = await caller.get("taxonomy", headers=caller.signed(tail=""))

    assert reply.status == 401
    assert reply.json() == {
        "details": {
            "Description": "Could not authenticate in-request, auth signature :  "
            "Signature verification failed: affil-product, version: 2.0.0, env: prod",
            "wm_svc.version": "2.0.0",
            "wm_svc.name": "affil-product",
            "wm_svc.env": "prod",
        }
    }


async def test_another_private_key_does_not_verify(open_sandbox, other_keypair):
    """A signature by a key that was not uploaded fails."""
    caller = await open_sandbox()
    caller.private_pem = other_keypair[0]

    reply = await caller.get("taxonomy")

    assert reply.status == 401
    assert "Signature verification failed" in reply.description


async def test_a_signature_of_the_wrong_length_is_named_so(open_sandbox):
    """A 2048-bit key makes 256 bytes; the gateway says what it got instead."""
    caller = await open_sandbox()
    too_long = {"WM_SEC.AUTH_SIGNATURE": "A" * 344}

    reply = await caller.get("taxonomy", headers=caller.signed() | too_long)

    assert (reply.status, reply.description) == (
        401,
        "IAM-1000: Signature length not correct: got 258 but was expecting 256",
    )


async def test_a_signature_that_is_not_base64_is_refused_not_crashed_on(open_sandbox):
    """Whatever is in the header, the answer is a 401 about its length."""
    caller = await open_sandbox()
    garbage = {"WM_SEC.AUTH_SIGNATURE": "-_é=A"}

    reply = await caller.get("taxonomy", headers=caller.signed() | garbage)

    assert reply.status == 401
    assert "Signature length not correct" in reply.description


async def test_a_new_key_works_after_its_delay_and_the_old_one_can_be_retired(
    open_sandbox, other_keypair
):
    """An uploaded key is "not found" until it has spread; then the old version may end."""
    caller = await open_sandbox()
    body = {
        "public_key": other_keypair[1],
        "version": "2",
        "effective_in_seconds": 120,
        "retire_others": True,
    }
    old_private = caller.private_pem

    uploaded = await caller.control("POST", "rotate-key", body)
    caller.private_pem, caller.version = other_keypair[0], "2"
    before = await caller.get("taxonomy")
    caller.clock.now += 120
    after = await caller.get("taxonomy")
    caller.private_pem, caller.version = old_private, "1"
    retired = await caller.get("taxonomy")

    assert uploaded.status == 201
    assert (before.status, before.description) == (401, "Public Key not found")
    assert after.status == 200
    assert (retired.status, retired.description) == (401, "Public Key not found")


async def test_a_public_key_without_pem_lines_is_accepted_and_a_broken_one_is_not(
    open_sandbox, other_keypair
):
    """The portal takes the key's body alone; anything else is a 400 of the control endpoint."""
    caller = await open_sandbox()
    body = "".join(other_keypair[1].splitlines()[1:-1])

    good = await caller.control("POST", "rotate-key", {"public_key": body, "version": "2"})
    bad = await caller.control("POST", "rotate-key", {"public_key": "nonsense", "version": "3"})

    assert good.status == 201
    assert (bad.status, bad.json()["error"]["code"]) == (400, "bad_request")
