import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * All that is kept of an item, and how an observation changes it, as in
 * walmart_stream.domain.apply. Left out are the rules that the job does not need: nothing is
 * forgotten, no clock closes windows, their width stays, and only the affiliate side speaks.
 */
final class ItemState {
    /** The first value is the time of the first observation (epoch s); each applied adds one. */
    long applied;
    String name;
    /** The start of the window before the newest one. */
    Long previousWindow;
    final Map<String, OfferState> offers = new LinkedHashMap<>();
    /** Of offers never seen: when an answer last did not name them. */
    final Map<String, Long> absent = new LinkedHashMap<>();
    /** The time of the newest observation; 0 before the first. */
    long heardAt;

    ItemState(long applied) {
        this.applied = applied;
    }

    /** Where an observation stands in the log. */
    record Source(int partition, long offset) {
    }

    /** What follows from an observation: results, and windows by start, left or expired. */
    static final class Outcome {
        final List<byte[]> results = new ArrayList<>();
        final Map<Long, Map<String, OfferState>> left = new LinkedHashMap<>();
        Long expired;
    }

    Outcome apply(Observation seen, Source source) {
        Outcome outcome = new Outcome();
        long at = seen.at(), start = Window.startOf(at);
        boolean renames = at > heardAt && seen.name() != null && !seen.name().equals(name);
        String nameNow = renames ? seen.name() : name;
        Long newestWindow = newestWindow();
        heardAt = Math.max(heardAt, at);
        boolean isNewer = false;
        Set<String> told = new HashSet<>();
        for (String which : seen.offers().keySet()) {
            OfferState known = offers.get(which);
            if (at > (known == null ? absent.getOrDefault(which, -1L) : known.observedAt)) {
                isNewer = true;
                byte[] result = observe(which, known, seen, nameNow, source, outcome);
                if (result != null) {
                    outcome.results.add(result);
                    told.add(which);
                }
            }
        }
        if (!isNewer) {
            return outcome;
        }
        applied++;
        if (renames) {
            rename(seen, told, outcome);
        }
        if (newestWindow != null && newestWindow < start) {
            outcome.expired = previousWindow;
            previousWindow = newestWindow;
        }
        return outcome;
    }

    /** Takes over what is new of an offer; the result that says so, if there is one. */
    private byte[] observe(String which, OfferState known, Observation seen, String nameNow,
            Source source, Outcome outcome) {
        String itemId = seen.itemId();
        long at = seen.at();
        Offer named = seen.offers().get(which);
        Offer now = named == null ? Offer.UNAVAILABLE : named;
        if (known != null) {
            Offer before = known.offer;
            if (known.window.start != Window.startOf(at)) {
                enterWindow(itemId, which, known, at, outcome);
            }
            List<String> kinds = known.observe(now, at);
            if (kinds.isEmpty()) {
                return now.equals(before)
                        ? null : Results.updated(itemId, which, nameNow, known, heardAt);
            }
            return Results.change(itemId, which, nameNow, kinds, known, before, heardAt, source);
        }
        // Only the featured offer exists before it is named: every item has one.
        if (named == null && !which.equals(Offer.FEATURED)) {
            absent.put(which, at);
            return null;
        }
        absent.remove(which);
        OfferState first = new OfferState(now, at, at, new Window(Window.startOf(at)));
        first.window.observe(at, now.landed(), null, at, false);
        offers.put(which, first);
        return Results.change(
                itemId, which, nameNow, List.of("first_seen"), first, null, heardAt, source);
    }

    /** Takes over the name, which the documents of all offers show. */
    private void rename(Observation seen, Set<String> told, Outcome outcome) {
        name = seen.name();
        offers.forEach((which, known) -> {
            if (!told.contains(which)) {
                outcome.results.add(
                        Results.updated(seen.itemId(), which, name, known, heardAt));
            }
        });
    }

    private static void enterWindow(
            String itemId, String which, OfferState known, long at, Outcome outcome) {
        OfferState last = known.copy();
        outcome.left.computeIfAbsent(last.window.start, start -> new LinkedHashMap<>())
                .put(which, last);
        long start = Window.startOf(at);
        last.closeUntil(start, window -> outcome.results.add(
                Results.closed(itemId, which, window, last)));
        known.window = Window.begin(start, last.offer.landed(), last.observedAt, at);
    }

    private Long newestWindow() {
        Long newest = null;
        for (OfferState known : offers.values()) {
            if (newest == null || known.window.start > newest) {
                newest = known.window.start;
            }
        }
        return newest;
    }
}
