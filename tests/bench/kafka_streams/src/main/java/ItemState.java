import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/** All that is kept of an item, and how an observation changes it. */
final class ItemState {
    static final long WINDOW_MS = 3_600_000;
    static final long KNOWN_MS = 3 * 3_600_000;
    static final String FEATURED = "featured", MARKETPLACE = "marketplace";

    /** The accumulators of an offer's current window. */
    static final class Window {
        long start, observations, changes, weighted, covered;
        Long open, high, low, close;

        Window(long start) {
            this.start = start;
        }

        void carry(Long landed, long seenAt, long until) {
            if (landed == null) {
                return;
            }
            long begin = Math.max(seenAt, start);
            long end = Math.min(until, Math.min(seenAt + KNOWN_MS, start + WINDOW_MS));
            if (end > begin) {
                weighted += landed * (end - begin);
                covered += end - begin;
            }
        }

        void observe(Offer offer, boolean isChange) {
            observations++;
            changes += isChange ? 1 : 0;
            Long landed = offer.landed();
            if (landed == null) {
                return;
            }
            close = landed;
            if (open == null) {
                open = high = low = landed;
            } else if (landed > high) {
                high = landed;
            } else if (landed < low) {
                low = landed;
            }
        }
    }

    /** One offer: what it says, when it was last seen, its window. */
    static final class Known {
        Offer offer;
        long observedAt;
        Window window;
    }

    String name;
    Known featured, marketplace;
    /** When an answer last did not name a marketplace offer that was never seen. */
    long absent = -1;

    /** Applies an observation; gives the results' values. */
    void observe(Observation seen, int partition, long offset, Consumer<byte[]> results) {
        long lastSeen = Math.max(featured == null ? -1 : featured.observedAt,
                marketplace == null ? -1 : marketplace.observedAt);
        String nameNow = seen.name() == null ? name : seen.name();
        boolean applied = false;
        for (String which : List.of(FEATURED, MARKETPLACE)) {
            Known known = which == FEATURED ? featured : marketplace;
            Offer now = which == FEATURED ? seen.featured() : seen.marketplace();
            long last = known != null ? known.observedAt : which == FEATURED ? -1 : absent;
            if (seen.at() <= last) {
                continue;
            }
            applied = true;
            long start = seen.at() - seen.at() % WINDOW_MS;
            Offer previous = null;
            List<String> kinds;
            if (known == null) {
                if (now == null && which != FEATURED) {
                    absent = seen.at();
                    continue;
                }
                known = new Known();
                known.window = new Window(start);
                if (which == FEATURED) {
                    featured = known;
                } else {
                    marketplace = known;
                }
                kinds = List.of("first_seen");
            } else {
                previous = known.offer;
                kinds = differences(previous, now == null ? Offer.UNAVAILABLE : now);
                if (known.window.start != start) {
                    known.window.carry(previous.landed(), known.observedAt,
                            known.window.start + WINDOW_MS);
                    results.accept(Results.closed(seen.itemId(), which, known.window));
                    known.window = new Window(start);
                }
                known.window.carry(previous.landed(), known.observedAt, seen.at());
            }
            known.offer = now == null ? Offer.UNAVAILABLE : now;
            known.observedAt = seen.at();
            known.window.observe(known.offer, previous != null && !kinds.isEmpty());
            if (!kinds.isEmpty()) {
                results.accept(Results.change(seen.itemId(), which, nameNow, kinds, known.offer,
                        previous, seen.at(), partition, offset));
            }
        }
        if (applied && seen.at() >= lastSeen) {
            name = nameNow;
        }
    }

    private static List<String> differences(Offer before, Offer after) {
        if (before.equals(after)) {
            return List.of();
        }
        List<String> kinds = new ArrayList<>(4);
        if (!Objects.equals(before.price(), after.price())) {
            kinds.add("price");
        }
        if (!Objects.equals(before.shipping(), after.shipping())) {
            kinds.add("shipping");
        }
        if (before.available() != after.available()) {
            kinds.add("availability");
        }
        if (!Objects.equals(before.seller(), after.seller())) {
            kinds.add("seller");
        }
        return kinds;
    }

    byte[] encode() {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
            DataOutputStream out = new DataOutputStream(bytes);
            text(out, name);
            out.writeLong(absent);
            known(out, featured);
            known(out, marketplace);
            return bytes.toByteArray();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static ItemState decode(byte[] value) {
        try {
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(value));
            ItemState state = new ItemState();
            state.name = text(in);
            state.absent = in.readLong();
            state.featured = known(in);
            state.marketplace = known(in);
            return state;
        } catch (IOException broken) {
            throw new IllegalStateException(broken);
        }
    }

    private static void known(DataOutputStream out, Known known) throws IOException {
        out.writeBoolean(known != null);
        if (known == null) {
            return;
        }
        number(out, known.offer.price());
        number(out, known.offer.shipping());
        number(out, known.offer.twoDay());
        out.writeBoolean(known.offer.available());
        text(out, known.offer.seller());
        out.writeLong(known.observedAt);
        Window window = known.window;
        for (long value : new long[] {window.start, window.observations, window.changes,
            window.weighted, window.covered}) {
            out.writeLong(value);
        }
        number(out, window.open);
        number(out, window.high);
        number(out, window.low);
        number(out, window.close);
    }

    private static Known known(DataInputStream in) throws IOException {
        if (!in.readBoolean()) {
            return null;
        }
        Known known = new Known();
        known.offer = new Offer(number(in), number(in), number(in), in.readBoolean(), text(in));
        known.observedAt = in.readLong();
        Window window = known.window = new Window(in.readLong());
        window.observations = in.readLong();
        window.changes = in.readLong();
        window.weighted = in.readLong();
        window.covered = in.readLong();
        window.open = number(in);
        window.high = number(in);
        window.low = number(in);
        window.close = number(in);
        return known;
    }

    private static void number(DataOutputStream out, Long value) throws IOException {
        out.writeLong(value == null ? -1 : value);
    }

    private static Long number(DataInputStream in) throws IOException {
        long value = in.readLong();
        return value < 0 ? null : value;
    }

    private static void text(DataOutputStream out, String value) throws IOException {
        out.writeBoolean(value != null);
        if (value != null) {
            out.writeUTF(value);
        }
    }

    private static String text(DataInputStream in) throws IOException {
        return in.readBoolean() ? in.readUTF() : null;
    }
}
