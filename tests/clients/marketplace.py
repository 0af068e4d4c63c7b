"""Calls python-walmart, a client of the Marketplace API of 2020, in an environment of its own.

    python marketplace.py SANDBOX CLIENT_ID SECRET_FILE

Prints what each call found, or the error that it ended with, as one JSON object.
"""

import json
import sys
from pathlib import Path

import requests
from walmart import Walmart

HOST = "https://marketplace.walmartapis.com"


def main(sandbox, client_id, secret_file):
    """Runs all calls."""
    send = requests.Session.request

    def request(session, method, url, **options):
        return send(session, method, url.replace(HOST, sandbox, 1), **options)

    requests.Session.request = request
    walmart = Walmart(client_id, Path(secret_file).read_text(encoding="utf-8"))
    calls = {
        "token": lambda: walmart.token_expires_in,
        "items": lambda: [item["sku"] for item in walmart.items.all(limit=3)["ItemResponse"]],
        "item": lambda: walmart.items.get(sku)["ItemResponse"][0]["sku"],
        "inventory": lambda: walmart.inventory.all(sku=sku)["quantity"]["unit"],
        "feeds": lambda: walmart.feed.all()["totalResults"],
        "orders": lambda: walmart.orders.all()["list"]["elements"]["order"],
    }
    results = {}
    sku = "none"
    for name, call in calls.items():
        results[name] = found(call)
        if name == "items" and isinstance(results[name], list):
            sku = results[name][0]
    print(json.dumps({"sku": sku, **results}))


def found(call):
    """The result of a call, or the name and text of its error."""
    try:
        return call()
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


main(*sys.argv[1:])
