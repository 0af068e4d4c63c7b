import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;

/** The values of the results topic, field by field as walmart_stream.domain.events writes them. */
final class Results {
    private static final JsonFactory JSON = new JsonFactory();
    private static final DateTimeFormatter ISO =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSX").withZone(ZoneOffset.UTC);

    private interface Writer {
        void write(JsonGenerator json) throws IOException;
    }

    static byte[] change(String itemId, String offer, String name, List<String> kinds, Offer now,
            Offer before, long at, int partition, long offset) {
        return json(json -> {
            json.writeStringField("type", "price_change");
            json.writeNumberField("schema", 1);
            json.writeStringField("item_id", itemId);
            json.writeStringField("offer", offer);
            json.writeStringField("name", name);
            json.writeArrayFieldStart("kinds");
            for (String kind : kinds) {
                json.writeString(kind);
            }
            json.writeEndArray();
            offer(json, now);
            number(json, "two_day_cents", now.twoDay());
            Long delta = null, base = null;
            if (before == null) {
                json.writeNullField("previous");
            } else {
                json.writeObjectFieldStart("previous");
                offer(json, before);
                json.writeEndObject();
                if (now.landed() != null && before.landed() != null) {
                    base = before.landed();
                    delta = now.landed() - base;
                } else if (now.price() != null && before.price() != null) {
                    base = before.price();
                    delta = now.price() - base;
                }
            }
            number(json, "delta_cents", delta);
            if (delta == null || base == 0) {
                json.writeNullField("delta_pct");
            } else {
                json.writeNumberField("delta_pct", (double) (delta * 100) / base);
            }
            json.writeStringField("observed_at", ISO.format(Instant.ofEpochMilli(at)));
            json.writeObjectFieldStart("source");
            json.writeStringField("topic", PriceJob.RAW);
            json.writeNumberField("partition", partition);
            json.writeNumberField("offset", offset);
            json.writeEndObject();
        });
    }

    static byte[] closed(String itemId, String offer, ItemState.Window window) {
        return json(json -> {
            json.writeStringField("type", "window_closed");
            json.writeNumberField("schema", 1);
            json.writeStringField("item_id", itemId);
            json.writeStringField("offer", offer);
            json.writeStringField("start", ISO.format(Instant.ofEpochMilli(window.start)));
            json.writeStringField("end",
                    ISO.format(Instant.ofEpochMilli(window.start + ItemState.WINDOW_MS)));
            json.writeNumberField("observations", window.observations);
            json.writeNumberField("changes", window.changes);
            number(json, "open", window.open);
            number(json, "high", window.high);
            number(json, "low", window.low);
            number(json, "close", window.close);
            if (window.covered == 0) {
                json.writeNullField("mean");
            } else {
                json.writeNumberField("mean", (double) window.weighted / window.covered);
            }
            json.writeNumberField("coverage", (double) window.covered / ItemState.WINDOW_MS);
        });
    }

    private static void offer(JsonGenerator json, Offer offer) throws IOException {
        json.writeStringField("seller", offer.seller());
        number(json, "price_cents", offer.price());
        number(json, "shipping_cents", offer.shipping());
        number(json, "landed_cents", offer.landed());
        json.writeBooleanField("available", offer.available());
    }

    private static void number(JsonGenerator json, String name, Long value) throws IOException {
        if (value == null) {
            json.writeNullField(name);
        } else {
            json.writeNumberField(name, value);
        }
    }

    private static byte[] json(Writer writer) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(640);
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            writer.write(json);
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return bytes.toByteArray();
    }
}
