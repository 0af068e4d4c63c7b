// What the pages do beyond HTML: they stay fresh, obey keys, and speak the reader's locale.
// Every page reads, sorts, filters and sends its forms without this file.

const POLL_MS = 2000; // how often a page asks whether its data changed; mostly a 304
const PAUSE = 4; // times what an answer took: a server that is slow is asked less often
const MOST_PAUSE_MS = 6000; // but what fails must be said within ten seconds
const AWAY_MS = 5000; // silence of the server after which a reader is told
const SAY_MS = 10000; // least time between two announcements to a screen reader
const DAY = 86400;

const root = document.documentElement;
const locale = navigator.language || "en-US";
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Numbers and times in the reader's form; UTC stays in the tooltip.
const formats = {};
function format(kind, options) {
  return (formats[kind] ??= new Intl.NumberFormat(locale, options));
}
const utc = (at) => `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

function money(element) {
  const signed = element.dataset.money === "signed";
  const sign = signed ? "exceptZero" : "auto";
  const options = { style: "currency", currency: "USD", signDisplay: sign };
  element.textContent = format(`money ${sign}`, options).format(Number(element.value) / 100);
}

function localise(within) {
  all("data[data-money]", within).forEach(money);
  for (const element of all("data[data-number]", within)) {
    element.textContent = format("number", {}).format(Number(element.value));
  }
  for (const element of all("data[data-share]", within)) {
    const options = { style: "percent", maximumFractionDigits: 0 };
    element.textContent = format("share", options).format(Number(element.value));
  }
  for (const element of all("data[data-points]", within)) {
    const options = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "always" };
    element.textContent = format("points", options).format(Number(element.value) / 100);
  }
  for (const element of all("time[data-moment]", within)) {
    const at = new Date(element.dateTime);
    element.title = utc(at);
    element.textContent = moments.format(at);
  }
  for (const form of all("form[data-zone]", within)) zoned(form);
  tick(within);
}

// Times in a form are typed in the reader's zone, and sent with their own. Without this file they
// are typed in UTC, as the form says then.
function zoned(form) {
  for (const input of all("input:is([name=from], [name=to])", form)) {
    const at = new Date(input.value);
    input.type = "datetime-local";
    if (Number.isNaN(at.getTime())) continue;
    input.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  for (const name of all("[data-zone-name]", form)) name.remove();
  form.addEventListener("formdata", ({ formData }) => {
    for (const name of ["from", "to"]) {
      const at = new Date(formData.get(name));
      if (formData.get(name) && !Number.isNaN(at.getTime())) formData.set(name, at.toISOString());
    }
  });
}

// Ages go on while a page stands; past its limit one fades and says so.
let skew = 0; // how far the server's clock is ahead of this machine's, in milliseconds
function span(seconds) {
  const units = [[DAY, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  for (const [size, name, small, smaller] of units) {
    if (seconds < size) continue;
    const count = Math.floor(seconds / size);
    const more = Math.floor((seconds % size) / small);
    return more && count < 10 ? `${count} ${name} ${more} ${smaller}` : `${count} ${name}`;
  }
  return `${Math.floor(seconds)} s`;
}
function tick(within = document) {
  for (const element of all("time[data-age]", within)) {
    const seconds = Math.max(0, (Date.now() + skew - Date.parse(element.dateTime)) / 1000);
    const limit = Number(element.dataset.limit || Infinity);
    const text = `${span(seconds)} ago${seconds > limit ? " – old" : ""}`;
    element.classList.toggle("old", seconds > limit);
    if (element.textContent !== text) element.textContent = text;
  }
}

// Announcements: polite, and never more than one in ten seconds.
let spoken = -SAY_MS;
let unsaid = null;
function say(text) {
  unsaid = text;
  const wait = spoken + SAY_MS - performance.now();
  setTimeout(() => {
    if (unsaid === null || performance.now() < spoken + SAY_MS) return;
    one("#said").textContent = unsaid;
    spoken = performance.now();
    unsaid = null;
  }, Math.max(0, wait) + 1);
}

function banner(text, link) {
  const place = one("#banner");
  if (text !== null && place.hidden) say(text);
  place.hidden = text === null;
  if (text === null || place.dataset.text === text) return;
  place.dataset.text = text;
  place.textContent = text;
  if (link) {
    const anchor = document.createElement("a");
    [anchor.href, anchor.textContent] = link;
    place.append(" ", anchor);
  }
}

// A page asks for its own data; when they changed it takes the page's new parts.
const source = document.body.dataset.live;
let tag = null;
let heard = Date.now();
let asking = false;
let next = 0;

async function fresh() {
  if (asking || document.hidden || performance.now() < next) return;
  asking = true;
  const began = performance.now();
  try {
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(source, { headers, signal: AbortSignal.timeout(AWAY_MS) });
    if (answer.status === 401) {
      clearInterval(polling);
      banner("You are signed out.", [`/login?next=${encodeURIComponent(here())}`, "Sign in again"]);
      return;
    }
    if (answer.status !== 304 && !answer.ok) throw new Error(`status ${answer.status}`);
    const date = Date.parse(answer.headers.get("Date"));
    if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 5000) skew = date - Date.now();
    const known = answer.headers.get("ETag");
    // The first answer counts as news too: the page may have changed since it was made.
    if (answer.status === 200 && known !== tag) {
      latest = await answer.json();
      await renew();
      tag = known;
    }
    heard = Date.now();
    document.body.dataset.fresh = "yes";
    const took = performance.now() - began;
    next = performance.now() + Math.min(MOST_PAUSE_MS, PAUSE * took - POLL_MS);
    banner(null);
  } catch {
    if (Date.now() - heard > AWAY_MS) {
      banner(`The server has not answered for ${span((Date.now() - heard) / 1000)}; below is what it said last.`);
    }
  } finally {
    asking = false;
  }
}

function here() {
  return location.pathname + location.search;
}

async function renew() {
  const headers = { Accept: "text/html" };
  const answer = await fetch(here(), { headers, signal: AbortSignal.timeout(AWAY_MS) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  let changes = 0;
  for (const part of all("[data-part]")) {
    const next = one(`[data-part="${part.dataset.part}"]`, made);
    if (next) changes += replace(part, next);
  }
  if (changes) say(changes === 1 ? "One row is new." : `${changes} rows are new.`);
}

// Replaces a part, row by row where it has rows, so that focus and reading place stay.
function replace(part, next) {
  const source = next.outerHTML;
  if (part.made === source) return 0;
  part.made = source;
  const rows = new Map(all("[data-row]", part).map((row) => [row.dataset.row, row]));
  const held = document.activeElement?.closest?.("[data-row]")?.dataset.row;
  const inside = part.contains(document.activeElement) && document.activeElement.id;
  // What is being typed is not taken away.
  if (part.contains(document.activeElement) && isTyping(document.activeElement)) {
    part.made = null;
    return 0;
  }
  const open = new Set(all("details[open][id]", part).map((element) => element.id));
  let changes = 0;
  for (const row of all("[data-row]", next)) {
    const before = rows.get(row.dataset.row);
    row.made = row.outerHTML;
    if (before && (before.made ?? null) !== null && before.made !== row.made) {
      row.classList.add("changed");
      changes += 1;
    }
  }
  const fresh = document.importNode(next, true);
  all("[data-row]", fresh).forEach((row, place) => {
    row.made = all("[data-row]", next)[place].made;
  });
  fresh.made = source;
  for (const id of open) one(`#${CSS.escape(id)}`, fresh)?.setAttribute("open", "");
  localise(fresh);
  part.replaceWith(fresh);
  charts(fresh);
  if (held) rowLink(one(`[data-row="${CSS.escape(held)}"]`, fresh))?.focus();
  else if (inside) document.getElementById(inside)?.focus();
  return changes;
}

// Keys; none while typing.
function isTyping(element) {
  return Boolean(element?.closest?.("input, textarea, select, [contenteditable]"));
}
function rowLink(row) {
  return row ? one("a.open", row) ?? one("a, button", row) : null;
}
function step(by) {
  const rows = all("[data-row]").filter((row) => rowLink(row));
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement?.closest?.("[data-row]"));
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rowLink(rows[next]).focus();
  rows[next].scrollIntoView({ block: "nearest" });
}
function back() {
  const up = document.body.dataset.up;
  if (!up) return;
  if (document.referrer && new URL(document.referrer).origin === location.origin && history.length > 1) history.back();
  else location.assign(up);
}
function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  document.cookie = `theme=${next}; path=/; max-age=31536000; SameSite=Strict`;
  say(`The page is ${next} now.`);
}
const doings = { theme, help: () => one("#help").showModal() };

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (one("#help").open) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const range = /^[1-5]$/.test(event.key) ? one(`a[data-key="${event.key}"]`) : null;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "/" && one("input[type=search]")) one("input[type=search]").focus();
  else if (event.key === "Escape") back();
  else if (event.key === "t") theme();
  else if (event.key === "?") doings.help();
  else if (range) range.click();
  else return;
  event.preventDefault();
}

// Charts: the read-out under a pointer or a finger, and zoom, which is another range in the address.
let latest = null; // the page's data, as it was last answered

function charts(within) {
  for (const picture of all("[data-chart]", within)) {
    const svg = one("svg.chart", picture);
    for (const label of all("text[data-money]", svg)) {
      const options = { style: "currency", currency: "USD", signDisplay: "auto" };
      label.textContent = format("money auto", options).format(Number(label.dataset.money) / 100);
    }
    axis(svg);
    readable(picture, svg);
  }
}

// Round times of the reader's zone, in the place of those of UTC; UTC stays in the tooltip.
function axis(svg) {
  const ticks = all("text[data-time]", svg);
  const [begin, end, left, right] = ["begin", "end", "left", "right"].map((name) => Number(svg.dataset[name]));
  const pace = ticks.length > 1 ? ticks[1].dataset.time - ticks[0].dataset.time : 60000;
  const form = pace >= DAY * 1000 ? { month: "short", day: "numeric" } : { hour: "numeric", minute: "2-digit" };
  for (const tick of ticks) {
    const shown = Number(tick.dataset.time);
    const ahead = -new Date(shown).getTimezoneOffset() * 60000;
    const round = Math.min(pace, DAY * 1000);
    let off = (((shown + ahead) % round) + round) % round;
    if (off > round / 2) off -= round;
    const at = shown - off;
    const x = left + ((at - begin) / (end - begin)) * (right - left);
    const grid = tick.previousElementSibling;
    tick.toggleAttribute("hidden", at < begin || at > end);
    grid.toggleAttribute("hidden", at < begin || at > end);
    for (const name of ["x1", "x2"]) grid.setAttribute(name, x);
    tick.setAttribute("x", x);
    tick.textContent = new Date(at).toLocaleString(locale, form);
    tick.append(Object.assign(svgOf("title", {}), { textContent: utc(new Date(at)) }));
  }
}

function readable(picture, svg) {
  const { begin, end, left, right, top, bottom } = svg.dataset;
  const [from, to, x0, x1] = [begin, end, left, right].map(Number);
  const readout = one(".readout", picture);
  const cursor = svgOf("line", { class: "cursor", y1: top, y2: bottom });
  const chosen = svgOf("rect", { class: "chosen", y: top, height: bottom - top });
  let start = null;

  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    return Math.min(x1, Math.max(x0, x));
  };
  const time = (x) => from + ((x - x0) / (x1 - x0)) * (to - from);
  const hide = () => {
    readout.hidden = true;
    cursor.remove();
    chosen.remove();
    start = null;
  };
  svg.addEventListener("pointermove", (event) => {
    const x = place(event);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    svg.append(cursor);
    if (start !== null && event.pointerType === "mouse") {
      chosen.setAttribute("x", Math.min(start, x));
      chosen.setAttribute("width", Math.abs(x - start));
      svg.append(chosen);
    }
    tell(readout, time(x), x < (x0 + x1) / 2);
  });
  svg.addEventListener("pointerdown", (event) => {
    start = place(event);
    if (event.pointerType !== "mouse") tell(readout, time(start), start < (x0 + x1) / 2);
  });
  svg.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide();
  });
  svg.addEventListener("pointerup", (event) => {
    const x = place(event);
    const moved = start !== null && event.pointerType === "mouse" && Math.abs(x - start) > 8;
    if (moved) zoom(time(Math.min(start, x)), time(Math.max(start, x)));
    start = null;
    chosen.remove();
  });
}

function svgOf(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// What was known at a moment, offer by offer; nothing that was not known gets a price.
function tell(readout, at, isLeft) {
  const series = latest?.series;
  if (!series) return;
  const lines = [`${moments.format(at)} (${utc(new Date(at)).slice(11, 16)} UTC)`];
  for (const { offer, segments } of series.offers) {
    const found = segments.find(([begin, end]) => begin <= at && at < end);
    lines.push(`${offer.replace(/^rival:/, "")}: ${words(found)}`);
  }
  const held = series.buy_box?.segments.find(([begin, end]) => begin <= at && at < end);
  if (held) lines.push(`buy box: ${held[3] ?? held[2]}`);
  readout.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
  readout.className = `readout ${isLeft ? "right" : "left"}`;
  readout.hidden = false;
}
function words(segment) {
  const [, , kind, cents] = segment ?? [];
  if (kind === "price" || kind === "partial") {
    const options = { style: "currency", currency: "USD", signDisplay: "auto" };
    return format("money auto", options).format(cents / 100) + (kind === "partial" ? " + ?" : "");
  }
  return kind === "unavailable" ? "not available" : "not seen";
}

function zoom(from, to) {
  const query = new URLSearchParams(location.search);
  query.delete("range");
  query.set("from", new Date(Math.floor(from)).toISOString());
  query.set("to", new Date(Math.ceil(to)).toISOString());
  location.assign(`${location.pathname}?${query}`);
}

localise(document);
charts(document);
setInterval(() => tick(), 1000);
for (const button of all("[data-do]")) {
  button.hidden = false;
  button.addEventListener("click", doings[button.dataset.do]);
}
document.addEventListener("keydown", onKey);
let polling = null;
if (source) {
  polling = setInterval(fresh, POLL_MS);
  document.addEventListener("visibilitychange", fresh);
  fresh();
}
