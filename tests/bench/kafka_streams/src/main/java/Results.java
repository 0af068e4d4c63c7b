import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
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

    /** An offer differs from before, or was seen for the first time; before is null then. */
    static byte[] change(String itemId, String which, String name, List<String> kinds,
            OfferState known, Offer before, long newest, ItemState.Source source) {
        return json("price_change", itemId, which, json -> {
            Offer now = known.offer;
            json.writeStringField("name", name);
            json.writeArrayFieldStart("kinds");
            for (String kind : kinds) {
                json.writeString(kind);
            }
            json.writeEndArray();
            offer(json, now);
            number(json, "two_day_cents", now.twoDay());
            Long base = null, delta = null;
            if (before == null) {
                json.writeNullField("previous");
            } else {
                json.writeObjectFieldStart("previous");
                offer(json, before);
                json.writeEndObject();
                boolean isLanded = now.landed() != null && before.landed() != null;
                base = isLanded ? before.landed() : before.price();
                Long amount = isLanded ? now.landed() : now.price();
                delta = base == null || amount == null ? null : Long.valueOf(amount - base);
            }
            number(json, "delta_cents", delta);
            decimal(json, "delta_pct", delta == null || base == 0
                    ? null : Double.valueOf((double) (delta * 100) / base));
            time(json, "observed_at", known.observedAt);
            if (newest > known.observedAt) {
                json.writeNumberField("revision", known.observedAt + newest);
            }
            json.writeObjectFieldStart("source");
            json.writeStringField("topic", PriceJob.RAW);
            json.writeNumberField("partition", source.partition());
            json.writeNumberField("offset", source.offset());
            json.writeEndObject();
        });
    }

    /** The item's name or two-day shipping has changed, which is no price change. */
    static byte[] updated(
            String itemId, String which, String name, OfferState known, long newest) {
        return json("offer_updated", itemId, which, json -> {
            json.writeStringField("name", name);
            offer(json, known.offer);
            number(json, "two_day_cents", known.offer.twoDay());
            time(json, "changed_at", known.changedAt);
            time(json, "observed_at", known.observedAt);
            json.writeNumberField("revision", known.observedAt + newest);
        });
    }

    /** The window as it closes if nothing comes after the offer's last observation. */
    static byte[] closed(String itemId, String which, Window window, OfferState last) {
        Long landed = last.offer.landed();
        long known = landed == null ? 0 : window.knownFor(last.observedAt, window.end());
        long weighted = window.weighted + (landed == null ? 0 : landed * known);
        long covered = window.covered + known;
        return json("window_closed", itemId, which, json -> {
            time(json, "start", window.start);
            time(json, "end", window.end());
            json.writeNumberField("observations", window.observations);
            json.writeNumberField("changes", window.changes);
            number(json, "open", window.open);
            number(json, "high", window.high);
            number(json, "low", window.low);
            number(json, "close", window.close);
            decimal(json, "mean",
                    covered == 0 ? null : Double.valueOf((double) weighted / covered));
            json.writeNumberField("coverage", (double) covered / Window.WIDTH_MS);
            json.writeNumberField("width_s", Window.WIDTH_MS / 1000);
            json.writeNumberField("known_for_s", Window.KNOWN_MS / 1000.0);
            json.writeBooleanField("carried", window.carried);
            time(json, "seen_at", last.observedAt);
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

    private static void decimal(JsonGenerator json, String name, Double value)
            throws IOException {
        if (value == null) {
            json.writeNullField(name);
        } else {
            json.writeNumberField(name, value);
        }
    }

    private static void time(JsonGenerator json, String name, long at) throws IOException {
        json.writeStringField(name, ISO.format(Instant.ofEpochMilli(at)));
    }

    private static byte[] json(String type, String itemId, String which, Writer rest) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(640);
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeStringField("type", type);
            json.writeNumberField("schema", 1);
            json.writeStringField("item_id", itemId);
            json.writeStringField("offer", which);
            rest.write(json);
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }
}
