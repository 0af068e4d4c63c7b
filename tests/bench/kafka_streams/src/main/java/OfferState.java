import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/** One offer: its content, when it was last seen and changed (epoch ms), its window. */
final class OfferState {
    Offer offer;
    long observedAt, changedAt;
    Window window;

    OfferState(Offer offer, long observedAt, long changedAt, Window window) {
        this.offer = offer;
        this.observedAt = observedAt;
        this.changedAt = changedAt;
        this.window = window;
    }

    OfferState copy() {
        return new OfferState(offer, observedAt, changedAt, window);
    }

    /** Closes this window and those that follow up to start, as long as the price is known. */
    void closeUntil(long start, Consumer<Window> closed) {
        closed.accept(window);
        long knownUntil = offer.landed() == null ? 0 : observedAt + Window.KNOWN_MS;
        for (long next = window.end(); next < Math.min(start, knownUntil);
                next += Window.WIDTH_MS) {
            closed.accept(
                    Window.begin(next, offer.landed(), observedAt, next + Window.WIDTH_MS));
        }
    }

    /** Takes over what was observed at a time in its window; the kinds of its differences. */
    List<String> observe(Offer now, long at) {
        List<String> kinds = differences(offer, now);
        window.observe(at, now.landed(), offer.landed(), observedAt, !kinds.isEmpty());
        offer = now;
        observedAt = at;
        changedAt = kinds.isEmpty() ? changedAt : at;
        return kinds;
    }

    private static List<String> differences(Offer before, Offer after) {
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
}
