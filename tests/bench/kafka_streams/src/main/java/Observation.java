import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** One look at one item of an affiliate answer. An offer that it does not name is null. */
record Observation(String itemId, long at, String name, Map<String, Offer> offers) {
    private static final JsonFactory JSON = new JsonFactory();

    /** Reads and checks a record of the raw topic. */
    static Observation read(byte[] key, byte[] value) throws IOException {
        String itemId = null, source = null, observedAt = null;
        int schema = 0;
        Item item = null;
        try (JsonParser parser = JSON.createParser(value)) {
            expect(parser.nextToken() == JsonToken.START_OBJECT, "an object is due");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "schema" -> schema = parser.getIntValue();
                    case "source" -> source = parser.getText();
                    case "item_id" -> itemId = parser.getText();
                    case "observed_at" -> observedAt = parser.getText();
                    case "payload" -> item = Item.read(parser);
                    default -> parser.skipChildren();
                }
            }
        }
        expect(schema == 1, "schema: 1 is due");
        expect("affiliate".equals(source), "source: affiliate is due");
        expect(item != null, "payload: an object is due");
        expect(itemId != null && itemId.equals(item.itemId), "payload.itemId");
        expect(key != null && itemId.equals(new String(key)), "the key is not the item id");
        long at = Instant.parse(observedAt).toEpochMilli();
        Map<String, Offer> offers = new LinkedHashMap<>();
        offers.put(Offer.FEATURED, item.offer(item.isMarketplace ? null : "Walmart.com"));
        offers.put(Offer.MARKETPLACE, item.best == null ? null : item.best.offer(null));
        return new Observation(itemId, at, text(item.name, 500), offers);
    }

    private static void expect(boolean due, String what) throws IOException {
        if (!due) {
            throw new IOException(what);
        }
    }

    private static String text(String value, int longest) {
        if (value == null) {
            return null;
        }
        if (value.indexOf('&') >= 0) {
            value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                    .replace("&#39;", "'").replace("&#x27;", "'").replace("&amp;", "&");
        }
        value = value.strip();
        value = value.length() > longest ? value.substring(0, longest) : value;
        return value.isEmpty() ? null : value;
    }

    /** The fields that are used, of an item or of its best marketplace price. */
    private static final class Item {
        String itemId, name, seller;
        Long price, shipping, twoDay;
        boolean isMarketplace, isOffline, isSoldOut;
        Item best;

        static Item read(JsonParser parser) throws IOException {
            if (parser.currentToken() == JsonToken.VALUE_NULL) {
                return null;
            }
            expect(parser.currentToken() == JsonToken.START_OBJECT, "an object is due");
            Item item = new Item();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "itemId" -> item.itemId = parser.getText();
                    case "name" -> item.name = parser.getValueAsString();
                    case "salePrice", "price" -> item.price = cents(parser);
                    case "standardShipRate" -> item.shipping = cents(parser);
                    case "twoThreeDayShippingRate" -> item.twoDay = cents(parser);
                    case "sellerInfo" -> item.seller = parser.getValueAsString();
                    case "marketplace" ->
                        item.isMarketplace = parser.currentToken() == JsonToken.VALUE_TRUE;
                    case "availableOnline" ->
                        item.isOffline = parser.currentToken() == JsonToken.VALUE_FALSE;
                    case "stock" -> item.isSoldOut = "Not available".equals(parser.getText());
                    case "bestMarketplacePrice" -> item.best = read(parser);
                    default -> parser.skipChildren();
                }
            }
            return item;
        }

        Offer offer(String unnamed) {
            if (price == null || price == 0 || isOffline || isSoldOut) {
                return Offer.UNAVAILABLE;
            }
            String named = text(seller, 200);
            return new Offer(price, shipping, twoDay, true, named == null ? unnamed : named);
        }

        private static Long cents(JsonParser parser) throws IOException {
            BigDecimal amount;
            switch (parser.currentToken()) {
                case VALUE_NULL -> {
                    return null;
                }
                case VALUE_STRING -> amount = new BigDecimal(parser.getText().strip());
                default -> amount = parser.getDecimalValue();
            }
            expect(amount.signum() >= 0, "a price is due");
            return amount.setScale(2, RoundingMode.HALF_EVEN).unscaledValue().longValueExact();
        }
    }
}
