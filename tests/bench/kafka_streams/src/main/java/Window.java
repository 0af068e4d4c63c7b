/** The accumulators of one offer's hour, as in walmart_stream.domain.windows. */
final class Window {
    static final long WIDTH_MS = 3_600_000;
    /** How long a price counts as known. */
    static final long KNOWN_MS = 3 * WIDTH_MS;

    final long start;
    /** Whether a price that was known at the start counts as open, high and low. */
    boolean carried;
    long observations, changes, weighted, covered;
    Long open, high, low, close;

    Window(long start) {
        this.start = start;
    }

    /** The window from start, entered with a price seen at seenAt, which until replaces. */
    static Window begin(long start, Long landed, long seenAt, long until) {
        Window window = new Window(start);
        if (landed != null && seenAt + KNOWN_MS > start && until > start) {
            window.carried = true;
            window.open = window.high = window.low = window.close = landed;
        }
        return window;
    }

    static long startOf(long at) {
        return at - at % WIDTH_MS;
    }

    long end() {
        return start + WIDTH_MS;
    }

    /** The milliseconds of this window, before until, in which a price seen at seenAt was known. */
    long knownFor(long seenAt, long until) {
        return Math.max(0, Math.min(until, seenAt + KNOWN_MS) - Math.max(seenAt, start));
    }

    /** Counts an observation of the price landed, which replaces before, seen at seenAt. */
    void observe(long at, Long landed, Long before, long seenAt, boolean isChange) {
        if (before != null) {
            long known = knownFor(seenAt, at);
            weighted += before * known;
            covered += known;
        }
        observations++;
        changes += isChange ? 1 : 0;
        if (landed == null) {
            return;
        }
        close = landed;
        open = open == null ? landed : open;
        high = high == null ? landed : Long.valueOf(Math.max(high, landed));
        low = low == null ? landed : Long.valueOf(Math.min(low, landed));
    }
}
