/** The content of one offer. Money in cents; null is unknown, and 0 shipping is free. */
record Offer(Long price, Long shipping, Long twoDay, boolean available, String seller) {
    static final String FEATURED = "featured", MARKETPLACE = "marketplace";
    static final Offer UNAVAILABLE = new Offer(null, null, null, false, null);

    /** Price plus standard shipping, where both are known. */
    Long landed() {
        return price == null || shipping == null ? null : Long.valueOf(price + shipping);
    }
}
