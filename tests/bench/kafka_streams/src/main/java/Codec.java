import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;

/**
 * The stores' values, byte for byte as walmart_stream.domain.state and window_rows write them:
 * arrays of fields. Those of rules that the job does not need are constants.
 */
final class Codec {
    private static final byte STATE_VERSION = 4;
    private static final int ROW_VERSION = 2;

    private interface Writer<T> {
        void write(MessageBufferPacker out, T value) throws IOException;
    }

    private interface Reader<T> {
        T read(MessageUnpacker in) throws IOException;
    }

    static Serde<ItemState> states() {
        return serde(Codec::state, Codec::state);
    }

    /** A window's row: the offers that have left it, as of their last observation there. */
    static Serde<Map<String, OfferState>> rows() {
        return serde(
                (out, offers) -> {
                    out.packArrayHeader(2).packInt(ROW_VERSION);
                    map(out, offers, Codec::offer);
                },
                in -> {
                    in.unpackArrayHeader();
                    in.unpackInt();
                    Map<String, OfferState> offers = new LinkedHashMap<>();
                    map(in, offers, Codec::offer);
                    return offers;
                });
    }

    /** For one thread: all values are written through the same buffer. */
    private static <T> Serde<T> serde(Writer<T> writer, Reader<T> reader) {
        MessageBufferPacker out = MessagePack.newDefaultBufferPacker();
        return Serdes.serdeFrom(
                (topic, value) -> {
                    if (value == null) {
                        return null;
                    }
                    try {
                        out.clear();
                        writer.write(out, value);
                        return out.toByteArray();
                    } catch (IOException impossible) {
                        throw new UncheckedIOException(impossible);
                    }
                },
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    try (MessageUnpacker in = MessagePack.newDefaultUnpacker(bytes)) {
                        return reader.read(in);
                    } catch (IOException broken) {
                        throw new UncheckedIOException(broken);
                    }
                });
    }

    private static void state(MessageBufferPacker out, ItemState state) throws IOException {
        out.packByte(STATE_VERSION).packArrayHeader(9).packLong(state.applied);
        out.packInt(0); // clock
        text(out, state.name);
        number(out, state.previousWindow);
        map(out, state.offers, Codec::offer);
        map(out, state.absent, Codec::number);
        out.packNil(); // seller
        out.packBoolean(state.name != null); // named_by_walmart
        out.packLong(state.heardAt);
    }

    private static ItemState state(MessageUnpacker in) throws IOException {
        in.unpackByte();
        in.unpackArrayHeader();
        ItemState state = new ItemState(in.unpackLong());
        in.skipValue();
        state.name = text(in);
        state.previousWindow = number(in);
        map(in, state.offers, Codec::offer);
        map(in, state.absent, Codec::number);
        in.skipValue(2);
        state.heardAt = in.unpackLong();
        return state;
    }

    private static void offer(MessageBufferPacker out, OfferState known) throws IOException {
        Offer offer = known.offer;
        out.packArrayHeader(6).packArrayHeader(5);
        number(out, offer.price());
        number(out, offer.shipping());
        number(out, offer.twoDay());
        out.packBoolean(offer.available());
        text(out, offer.seller());
        out.packLong(known.observedAt).packLong(known.changedAt);
        window(out, known.window);
        out.packInt(0).packInt(0); // closed, told
    }

    private static OfferState offer(MessageUnpacker in) throws IOException {
        in.unpackArrayHeader();
        in.unpackArrayHeader();
        Offer offer = new Offer(
                number(in), number(in), number(in), in.unpackBoolean(), text(in));
        OfferState known = new OfferState(offer, in.unpackLong(), in.unpackLong(), window(in));
        in.skipValue(2);
        return known;
    }

    private static void window(MessageBufferPacker out, Window window) throws IOException {
        out.packArrayHeader(13).packLong(window.start);
        out.packLong(window.observations).packLong(window.changes);
        number(out, window.open);
        number(out, window.high);
        number(out, window.low);
        number(out, window.close);
        out.packLong(window.weighted).packLong(window.covered);
        out.packLong(Window.WIDTH_MS).packLong(Window.KNOWN_MS);
        out.packBoolean(window.carried).packNil(); // since
    }

    private static Window window(MessageUnpacker in) throws IOException {
        in.unpackArrayHeader();
        Window window = new Window(in.unpackLong());
        window.observations = in.unpackLong();
        window.changes = in.unpackLong();
        window.open = number(in);
        window.high = number(in);
        window.low = number(in);
        window.close = number(in);
        window.weighted = in.unpackLong();
        window.covered = in.unpackLong();
        in.skipValue(2);
        window.carried = in.unpackBoolean();
        in.skipValue();
        return window;
    }

    private static <T> void map(MessageBufferPacker out, Map<String, T> values, Writer<T> writer)
            throws IOException {
        out.packMapHeader(values.size());
        for (var entry : values.entrySet()) {
            out.packString(entry.getKey());
            writer.write(out, entry.getValue());
        }
    }

    private static <T> void map(MessageUnpacker in, Map<String, T> values, Reader<T> reader)
            throws IOException {
        for (int left = in.unpackMapHeader(); left > 0; left--) {
            values.put(in.unpackString(), reader.read(in));
        }
    }

    private static void number(MessageBufferPacker out, Long value) throws IOException {
        if (value == null) {
            out.packNil();
        } else {
            out.packLong(value);
        }
    }

    private static Long number(MessageUnpacker in) throws IOException {
        return in.tryUnpackNil() ? null : Long.valueOf(in.unpackLong());
    }

    private static void text(MessageBufferPacker out, String value) throws IOException {
        if (value == null) {
            out.packNil();
        } else {
            out.packString(value);
        }
    }

    private static String text(MessageUnpacker in) throws IOException {
        return in.tryUnpackNil() ? null : in.unpackString();
    }
}
