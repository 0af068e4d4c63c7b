import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job of walmart-stream with Kafka Streams, one thread, at least once: read an observation, apply
 * it to its item's state, forward what follows from it. States and rows of windows are in memory
 * behind a cache, which writes each that changed once per commit to its changelog.
 */
public final class PriceJob {
    static final String RAW = "walmart-competitor-data";
    static final String RESULTS = "walmart-data-processing";
    static final String STATES = "offers", WINDOWS = "price-windows";

    public static void main(String[] arguments) {
        KafkaStreams streams = new KafkaStreams(topology(), settings());
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
    }

    private static Topology topology() {
        Set<StoreBuilder<?>> stores = Set.of(
                store(STATES, Codec.states()), store(WINDOWS, Codec.rows()));
        return new Topology()
                .addSource("raw", RAW)
                .addProcessor("process", new ProcessorSupplier<byte[], byte[], byte[], byte[]>() {
                    @Override
                    public Processor<byte[], byte[], byte[], byte[]> get() {
                        return new Process();
                    }

                    @Override
                    public Set<StoreBuilder<?>> stores() {
                        return stores;
                    }
                }, "raw")
                .addSink("results", RESULTS, "process");
    }

    private static <T> StoreBuilder<KeyValueStore<String, T>> store(String name, Serde<T> values) {
        return Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(name), Serdes.String(), values).withCachingEnabled();
    }

    private static Properties settings() {
        String session = String.valueOf(
                (int) (Double.parseDouble(System.getenv("BENCH_SESSION")) * 1000));
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("BENCH_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_BROKERS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_FOLDER") + "/streams");
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L * 1024 * 1024);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), session);
        // Also the rebalance timeout.
        settings.put(
                StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG), session);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG),
                4 * 1024 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG),
                128L * 1024 * 1024);
        return settings;
    }

    private static final class Process implements Processor<byte[], byte[], byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<String, ItemState> states;
        private KeyValueStore<String, Map<String, OfferState>> windows;
        private long done, doneBefore, committed;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            states = context.getStateStore(STATES);
            windows = context.getStateStore(WINDOWS);
            context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME, now -> {
                // At the end of the log nobody has to wait for the interval.
                if (done > committed && done == doneBefore) {
                    context.commit();
                    committed = done;
                }
                doneBefore = done;
            });
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            var source = context.recordMetadata().orElseThrow();
            Observation seen;
            try {
                seen = Observation.read(record.key(), record.value());
            } catch (IOException bad) {
                throw new IllegalArgumentException(bad);
            }
            ItemState state = states.get(seen.itemId());
            if (state == null) {
                state = new ItemState(seen.at() / 1000);
            }
            var outcome = state.apply(
                    seen, new ItemState.Source(source.partition(), source.offset()));
            outcome.results.forEach(result -> context.forward(record.withValue(result)));
            outcome.left.forEach((start, offers) -> {
                String key = windowKey(seen.itemId(), start);
                Map<String, OfferState> row = windows.get(key);
                if (row == null) {
                    row = offers;
                } else {
                    row.putAll(offers);
                }
                windows.put(key, row);
            });
            if (outcome.expired != null) {
                windows.put(windowKey(seen.itemId(), outcome.expired), null);
            }
            states.put(seen.itemId(), state);
            done++;
        }

        private static String windowKey(String itemId, long start) {
            return itemId + "@" + start;
        }
    }
}
