"""Calls wiopy, a client of the Affiliate API, in an environment of its own.

    python affiliate.py SANDBOX KEY_FILE CONSUMER_ID

Prints what each call found, or the error that it ended with, as one JSON object.
"""

import json
import sys

import requests
from wiopy import WalmartIO

HOST = "https://developer.api.walmart.com"


def main(sandbox, key_file, consumer_id):
    """Runs all calls."""
    send = requests.Session.request

    def request(session, method, url, **options):
        return send(session, method, url.replace(HOST, sandbox, 1), **options)

    requests.Session.request = request
    walmart = WalmartIO(
        private_key_version="1", private_key_filename=key_file, consumer_id=consumer_id
    )
    first = walmart.catalog_product(count=20)
    ids = [str(item.itemId) for item in first.items]
    name = first.items[0].name.split()[0]
    calls = {
        "catalog_product": lambda: len(first.items),
        "nextPage": lambda: len(walmart.catalog_product(nextPage=first.nextPage).items),
        "product_lookup": lambda: {
            str(item.itemId): item.salePrice for item in walmart.product_lookup(ids[:3])
        },
        "one product_lookup": lambda: len(walmart.product_lookup(ids[0])),
        "bulk_product_lookup": lambda: sum(map(len, walmart.bulk_product_lookup(ids))),
        "search": lambda: len(walmart.search(name).items),
        "sorted search": lambda: len(walmart.search(name, sort="price", numItems=1).items),
        "taxonomy": lambda: len(walmart.taxonomy().response_handler.payload["categories"]),
        "trending": lambda: len(walmart.trending()),
        "product_recommendation": lambda: len(walmart.product_recommendation(ids[0])),
        "post_browsed_products": lambda: len(walmart.post_browsed_products(ids[0])),
        "reviews": lambda: walmart.reviews(ids[0]).reviews,
        "stores": lambda: walmart.stores(zip=77063),
    }
    print(json.dumps({name: found(call) for name, call in calls.items()}))


def found(call):
    """The result of a call, or the name and text of its error."""
    try:
        return call()
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


main(*sys.argv[1:])
