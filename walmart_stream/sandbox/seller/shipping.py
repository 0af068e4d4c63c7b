"""Shipping templates: one for each rate that the seller asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.item_json import money
from walmart_stream.sandbox.seller.offers import SHIPPING_RATES
from walmart_stream.sandbox.seller.refusals import GATEWAY, not_found

# Epoch milliseconds; templates are old.
CREATED = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class ShippingTemplates:
    """``/v3/settings/shipping/templates``."""

    async def page(self, call: Call) -> SellerAnswer:
        """All templates without their methods."""
        templates = [_template(rate) for rate in _rates()]
        return SellerAnswer({"shippingTemplates": templates, "totalRecords": len(templates)})

    async def one(self, call: Call) -> SellerAnswer:
        """One template with its methods.

        Raises:
            SellerRefusal: 404, there is no such template.
        """
        for rate in _rates():
            if str(_template(rate)["id"]) == call.path["id"]:
                return SellerAnswer(_template(rate) | {"shippingMethods": [_standard(rate)]})
        raise not_found("No such template", GATEWAY)


def _rates() -> list[int]:
    return sorted(set(SHIPPING_RATES))


def _template(cents: int) -> dict[str, Any]:
    return {
        "id": str(1000 + cents),
        "name": "Free" if cents == 0 else f"Standard {cents / 100:.2f}",
        "type": "DEFAULT" if cents == 0 else "CUSTOM",
        "rateModelType": "PER_SHIPMENT_PRICING",
        "status": "ACTIVE",
        "createdDate": CREATED,
        "modifiedDate": CREATED,
    }


def _standard(cents: int) -> dict[str, Any]:
    region = {"regionCode": "C", "regionName": "48 State", "subRegions": []}
    charge = {
        "unitOfMeasure": "LB",
        "shippingAndHandling": money(cents),
        "chargePerWeight": money(0),
        "chargePerItem": money(0),
    }
    configuration = {
        "regions": [region],
        "addressTypes": ["STREET"],
        "transitTime": 5,
        "perShippingCharge": charge,
    }
    return {"shipMethod": "STANDARD", "status": "ACTIVE", "configurations": [configuration]}
