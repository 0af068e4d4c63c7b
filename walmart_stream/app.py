"""The Faust app. Reading this file shows the whole topology.

    watchlist ─► poll timer ─► walmart-competitor-data ─► process ─► walmart-data-processing
                                                             │                │
     seller poll timer, webhook view ──┘          tables ◄───┘                └─► sink ─► MongoDB
                     └─► walmart-seller-news ─► own items (SKU ─► item id)

`faust -A walmart_stream.app worker` finds :data:`app` here; it is made from the environment when
it is first asked for.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from walmart_stream import topics
from walmart_stream.agents.alert_desk import AlertDesk
from walmart_stream.agents.alert_rules import AlertRules, tags_of
from walmart_stream.agents.alert_sink import AlertSink
from walmart_stream.agents.alerts import Alerts
from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.agents.health import Health
from walmart_stream.agents.letter_archive import LetterArchive
from walmart_stream.agents.live_worker import LiveWorker
from walmart_stream.agents.notifier import Notifier
from walmart_stream.agents.own_items import OwnItems
from walmart_stream.agents.parking import Parking
from walmart_stream.agents.poll import Poller
from walmart_stream.agents.process import Processor
from walmart_stream.agents.seller_poll import SellerPoller
from walmart_stream.agents.silent_items import SilentItems
from walmart_stream.agents.sink import Sink
from walmart_stream.agents.sku_facts import ItemNews
from walmart_stream.agents.stranded import Stranded
from walmart_stream.agents.watchlist import Watchlist
from walmart_stream.agents.webhooks import WebhookIntake
from walmart_stream.bootstrap import (
    affiliate_client,
    faust_settings,
    poll_schedule,
    prepare,
    require_own_folder,
    seller_client,
    use_fast_loop,
    with_options,
)
from walmart_stream.credentials.redaction import protect
from walmart_stream.domain.time import to_datetime
from walmart_stream.domain.windows import Rules
from walmart_stream.engine.agent import batch_agent, timer
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.consumer import MAX_BATCH
from walmart_stream.engine.watchdog import Watchdog
from walmart_stream.kafka.partition_states import read_states
from walmart_stream.kafka.reading import read_key
from walmart_stream.kafka.surplus import stranded
from walmart_stream.metrics import Metrics
from walmart_stream.notify.channels import open_channels
from walmart_stream.runtime.failure import REFUSED_EXIT_CODE
from walmart_stream.runtime.memory import keep_freed_memory
from walmart_stream.settings import Settings, SettingsError, load_settings
from walmart_stream.storage import mongo
from walmart_stream.storage.item_writes import update_watched
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.tables import create_tables
from walmart_stream.topics import TopicSpec
from walmart_stream.walmart.clock_offset import WalmartClock
from walmart_stream.walmart.errors import UnusableKey
from walmart_stream.web import views
from walmart_stream.web.limits import limits_of
from walmart_stream.web.server import Web

# Short against every poll interval, long against the work of looking what is due.
POLL_TICK = 0.5
CLOSE_TICK = 5.0
# How late what may be forgotten is looked for: at most twenty times in the time that it takes.
FORGET_TICK = 5.0
# How late a parked partition goes on after a person said so.
PARKING_TICK = 2.0
# How late it is noticed that records come to partitions which somebody has added.
STRANDED_TICK = 10.0
# How late a changed rule counts, and an episode is noticed that nothing but time confirms.
ALERT_TICK = 2.0
# How late an alert reaches its channel.
NOTIFY_TICK = 1.0
# How much of the watchlist a page reads that nobody has asked for. It is kept while somebody asks
# once a minute; a look takes 2 ms of CPU.
WATCHLIST_TICK = 20.0


def create_app(settings: Settings, wall: Callable[[], float] = time.time) -> StreamApp:
    """One worker: agents, tables, timers and web views, wired to *settings*.

    *wall* is the machine's clock (epoch seconds); what the worker goes by is Walmart's.
    """
    clock = WalmartClock(wall, time.monotonic)
    now = clock.now_ms

    def moment() -> datetime:
        return to_datetime(now())

    async def prepared() -> Mapping[str, int] | None:
        counts = await prepare(settings)
        # While this waits for its group, which takes seconds.
        app.add_future(live.read_watchlist())
        return counts

    metrics = Metrics()
    app = StreamApp(
        settings.app_id,
        prepare=prepared,
        max_batch=1 if settings.kafka_delivery == "event" else MAX_BATCH,
        now=now,
        log_fault=metrics.count_log_fault,
        web_application_options=views.application_options(settings),
        **faust_settings(settings),
    )
    app.web = Web(app, limits_of(settings))
    mongodb = mongo.connect(settings)
    database = mongo.database(mongodb, settings)
    tables = create_tables(app, settings)

    def topic(spec: TopicSpec) -> Any:
        # Bytes in, bytes out: what does not decode must reach the agent, to be dead-lettered.
        return app.topic(
            spec.name,
            key_type=bytes,
            key_serializer="raw",
            value_type=bytes,
            value_serializer="raw",
            partitions=settings.kafka_partitions,
        )

    rules = Rules.of(settings)
    letters = DeadLetters(metrics)
    states = partial(read_states, settings)
    parking = Parking(app, settings, metrics, letters, read=states, clock=now)
    app.set_apart = parking.set_apart
    surplus = Stranded(app, partial(stranded, settings))
    schedule = poll_schedule(settings)
    client = affiliate_client(settings, clock, metrics) if settings.polling else None
    news = ItemNews(clock=now)
    learn = news.add_answer if settings.selling else None
    poller = Poller(app, tables, schedule, metrics, settings, client, clock, learn)
    alert_rules = AlertRules(settings, partial(tags_of, app, tables))
    alerts = Alerts(app, tables.alerts, alert_rules, metrics, rules.known_ms, clock=now)
    processor = Processor(
        app,
        tables,
        rules,
        metrics,
        letters,
        clock=now,
        most_ahead=settings.most_ahead_ms,
        read_log=partial(read_key, settings, topics.RAW.name),
        sighted=poller.sighted,
        alerts=alerts,
    )
    silent = SilentItems(app, tables, processor, rules, clock=now)
    sink = Sink(app, database, metrics, letters, FieldSeal.of(settings))
    alert_sink = AlertSink(
        app, database, sink.persist, letters, clock=moment, seal=FieldSeal.of(settings)
    )
    channels = open_channels(settings, wall)
    notifier = Notifier(
        app,
        database,
        channels,
        alert_rules,
        metrics,
        clock=moment,
        most=settings.alert_messages_per_hour,
        seal=FieldSeal.of(settings),
    )
    kept = timedelta(days=settings.dead_letter_days)
    archive = LetterArchive(database, sink.persist, kept, FieldSeal.of(settings))
    watchlist = Watchlist(
        app,
        tables,
        letters,
        changed=poller.watch_changed,
        note=lambda said: sink.persist(lambda: update_watched(database, said)),
    )
    own_items = OwnItems(app, tables.own_items, metrics, letters, clock=now)
    shop = seller_client(settings, clock=clock, metrics=metrics) if settings.selling else None
    seller = SellerPoller(app, own_items, metrics, settings, shop, clock=now)
    webhooks = WebhookIntake(app, settings, metrics, news, clock=now)

    for spec, name, handle in (
        (topics.WATCHLIST, "watchlist", watchlist.handle),
        (topics.RAW, "process", processor.handle),
        (topics.SELLER_NEWS, "seller-news", own_items.handle),
        (topics.RESULTS, "sink", sink.handle),
        (topics.ALERTS, "alerts", alert_sink.handle),
        (topics.DEAD_LETTERS, "dead-letters", archive.handle),
    ):
        took = metrics.batch_seconds.labels(name).observe
        batch_agent(app, topic(spec), name, parking.guard(handle), took=took)

    timer(app, POLL_TICK, "poll", poller.tick)
    timer(app, POLL_TICK, "seller-poll", seller.tick)
    timer(app, CLOSE_TICK, "close-windows", processor.close_due_windows)
    timer(app, FORGET_TICK, "forget", silent.tick)
    timer(app, PARKING_TICK, "parking", parking.tick)
    timer(app, STRANDED_TICK, "stranded", surplus.tick)

    def sure_until(partition: int) -> int:
        # An alert that time alone confirms waits for as long as the clock may be ahead.
        return min(processor.settled_until(partition), now() - int(1000 * clock.uncertainty))

    timer(app, ALERT_TICK, "alert-rules", partial(alerts.tick, sure_until))
    timer(app, NOTIFY_TICK, "notify", notifier.tick)
    timer(app, WATCHLIST_TICK, "watchlist-pages", lambda: live.read_watchlist())

    waits_for_mongodb = {topics.RESULTS.name, topics.ALERTS.name, topics.WATCHLIST.name}
    app.watchdog = Watchdog(app, excused=lambda: waits_for_mongodb if sink.outage else ())

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        processor.forget()
        alerts.forget()
        own_items.forget()
        parking.forget()

    @app.on_before_shutdown.connect
    async def close(*_: Any, **__: Any) -> None:
        await poller.close()
        await seller.close()
        await live.close()
        await notifier.close()
        await alert_rules.stop()
        mongodb.close()

    health = Health(processor, poller, clock, metrics, settings.poll_interval_max)
    desk = AlertDesk(app, alert_rules, channels, clock=moment)
    live = LiveWorker(
        app,
        settings,
        processor,
        poller,
        sink,
        seller,
        webhooks,
        parking,
        surplus,
        metrics,
        health,
        desk,
    )
    views.attach(
        app,
        settings=settings,
        live=live,
        database=database,
        metrics=metrics,
        offers_table=tables.offers,
    )
    return app


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    # Files that a worker makes are its user's alone, whoever started it.
    os.umask(0o077)
    try:
        require_own_folder()
        settings = with_options(load_settings(), sys.argv[1:])
        protect(settings.secrets(), stdout=True)
        use_fast_loop()
        keep_freed_memory()
        app = create_app(settings)
    except (SettingsError, UnusableKey, OSError) as exc:
        sys.stderr.write(f"walmart-stream: {exc}\n")
        sys.exit(REFUSED_EXIT_CODE)
    globals()["app"] = app
    return app
