// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// The console: asks the server it came from, and draws what it answers. No framework, no build step, nothing from elsewhere.

const $ = (id) => document.getElementById(id);
const tokenKey = "cascade-token";
const state = { user: null, section: "people", shown: new Set(), titles: new Map(), readings: [] };

// MARK: Making elements

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node && !key.startsWith("aria")) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const date = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "at an unknown time");
const short = (number) => Number(number.toPrecision(4)).toString();
const score = (number) => number.toPrecision(4);
const percent = (number) => `${(100 * number).toFixed(2)} %`;
const many = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

// MARK: Asking the server

class Trouble extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem(tokenKey);
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(options.body ? { "Content-Type": "application/json" } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Trouble(0, "The server cannot be reached. It may be stopping; this page tries again when you do.");
  }
  const text = await answer.text();
  let body = null;
  try { body = text ? JSON.parse(text) : null; } catch { /* said below, when it matters */ }
  if (answer.ok && body !== null) return body;
  if (answer.status === 401) throw new Trouble(401, "This needs an access token. Open “Token” above and paste one.");
  const said = body?.detail ?? `The server answered ${answer.status}.`;
  throw new Trouble(answer.status, body?.instance ? `${said} (request ${body.instance})` : said);
}

const part = encodeURIComponent;

function complain(error) {
  $("notice").replaceChildren(el("p", {}, error instanceof Trouble ? error.message : `The console failed: ${error.message}`));
  $("notice").hidden = false;
  if (error instanceof Trouble && error.status === 401) $("token-box").open = true;
}

/** Runs an action of the person's, and says in words what went wrong with it. */
function doing(action) {
  return async (event) => {
    event?.preventDefault();
    try {
      $("notice").hidden = true;
      await action(event);
    } catch (error) {
      complain(error);
    }
  };
}

const say = (text) => { $("said").textContent = text; };

async function titleOf(item) {
  if (!state.titles.has(item)) {
    state.titles.set(item, ask(`v1/items/${part(item)}`).then((found) => found.title || `item ${item}`, () => `item ${item}`));
  }
  return state.titles.get(item);
}

// MARK: Pages of items

function itemList(page, { fresh = new Set(), click = true } = {}) {
  for (const one of page.items) if (one.title) state.titles.set(one.item, Promise.resolve(one.title));
  if (page.items.length === 0) return [el("p", { className: "quiet" }, "Nothing was found.")];
  const rows = page.items.map((one, place) => {
    const title = one.title || `item ${one.item}`;
    const chips = one.reasons.map((reason) => el("span", { className: "chip" }, reason));
    if (fresh.has(one.item)) chips.unshift(el("span", { className: "chip new" }, "new here"));
    const buttons = el("div", { className: "row" });
    if (click && state.user) {
      buttons.append(el("button", { type: "button", "aria-label": `Click on ${title} as user ${state.user}`, onclick: doing(() => sendClick(one.item, title, page.request)) }, "Click"));
    }
    buttons.append(el("button", { type: "button", "aria-label": `Similar to ${title}`, onclick: doing(() => showSimilar(one.item, title)) }, "Similar"));
    const about = el("div", {}, el("span", { className: "title" }, title), " ", el("span", { className: "score", title: "the last stage's score" }, score(one.score)), el("div", { className: "chips" }, ...chips));
    return el("li", {}, el("span", { className: "place" }, `${place + 1}`), about, buttons);
  });
  return [el("ol", { className: "items" }, ...rows)];
}

function factsOf(page) {
  const lines = [];
  const arms = Object.entries(page.arms).map(([experiment, arm]) => `${experiment}: ${arm}`);
  if (arms.length) lines.push(el("p", { className: "facts" }, `In the experiment ${arms.join(", ")}`));
  for (const { stage, reason } of page.degraded) {
    const why = { deadline: "took too long", failed: "failed", missing: "has nothing loaded" }[reason] ?? reason;
    lines.push(el("p", { className: "facts warn" }, `Without the stage “${stage}”, which ${why}.`));
  }
  return lines;
}

async function showSimilar(item, title) {
  const page = await ask(`v1/items/${part(item)}/similar?k=10`);
  $("similar-to").textContent = title;
  $("similar").replaceChildren(...factsOf(page), ...itemList(page, { click: false }));
  $("similar-card").hidden = false;
  $("similar-card").scrollIntoView({ block: "nearest" });
  say(`${many(page.items.length, "item")} similar to ${title}`);
}

// MARK: People

async function findUsers() {
  const prefix = $("prefix").value;
  const { users } = await ask(`v1/users?limit=12&prefix=${part(prefix)}`);
  if (prefix !== $("prefix").value) return;
  $("users").replaceChildren(...users.map((user) => el("li", {}, el("button", { type: "button", "aria-pressed": `${user === state.user}`, onclick: doing(() => openUser(user)) }, user))));
  say(`${many(users.length, "user")} found`);
}

async function openUser(user) {
  state.user = user;
  state.shown = new Set();
  for (const node of document.querySelectorAll(".who")) node.textContent = user;
  for (const button of $("users").querySelectorAll("button")) button.setAttribute("aria-pressed", `${button.textContent === user}`);
  $("as-user").disabled = false;
  $("as-user-words").textContent = `for user ${user}`;
  await Promise.all([showHistory(), showPage()]);
}

async function showHistory() {
  const user = state.user;
  let events = [];
  try {
    ({ events } = await ask(`v1/users/${part(user)}`));
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  const latest = events.slice(-20).reverse();
  const titles = await Promise.all(latest.map((event) => titleOf(event.item)));
  if (user !== state.user) return;
  const rows = latest.map((event, row) => el("li", {}, titles[row], el("small", {}, `${event.action}${event.query ? ` after “${event.query}”` : ""}, ${date(event.time)}`)));
  $("history").replaceChildren(...(rows.length ? rows : [el("li", { className: "quiet" }, "Nothing is stored of this user.")]));
  $("history-card").hidden = false;
}

async function showPage() {
  const user = state.user;
  const page = await ask(`v1/users/${part(user)}/recommendations?k=10`);
  if (user !== state.user) return;
  const fresh = new Set(state.shown.size ? page.items.map((one) => one.item).filter((item) => !state.shown.has(item)) : []);
  state.shown = new Set(page.items.map((one) => one.item));
  $("page").replaceChildren(...factsOf(page), ...itemList(page, { fresh }));
  $("page-card").hidden = false;
  $("people-empty").hidden = true;
  say(`${many(page.items.length, "item")} recommended for user ${user}${fresh.size ? `, ${fresh.size} of them new` : ""}`);
  await explain(page.request);
}

async function sendClick(item, title, request) {
  const id = `console-${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  await ask("v1/events", { method: "POST", body: JSON.stringify({ id, user: state.user, item, action: "click", request }) });
  await Promise.all([showHistory(), showPage()]);
  say(`Click on ${title} stored. This is the next page.`);
}

async function explain(request) {
  const explanation = await ask(`v1/explain/${part(request)}`);
  const longest = Math.max(0.001, ...explanation.stages.map((stage) => stage.milliseconds));
  const items = [...new Set(explanation.stages.flatMap((stage) => stage.kept.map((one) => one.item)))];
  const titles = new Map(await Promise.all(items.map(async (item) => [item, await titleOf(item)])));
  const rows = explanation.stages.map((stage) => {
    const bar = el("span");
    bar.style.width = `${(100 * stage.milliseconds) / longest}%`;
    const dropped = Object.entries(stage.dropped).filter(([, count]) => count > 0).map(([rule, count]) => `${count} ${rule}`);
    const counts = `${stage.received ? `${stage.received} in, ` : ""}${stage.keptCount} out${dropped.length ? `; left out: ${dropped.join(", ")}` : ""}`;
    const kept = stage.kept.map((one) => el("li", {}, `${titles.get(one.item)} `, el("span", { className: "score" }, score(one.score))));
    const details = el("details", {}, el("summary", { "aria-label": `${stage.stage}: ${counts}. Show the first ${kept.length}` }, counts), el("ol", {}, ...kept));
    const line = el("div", { className: "line" }, el("strong", {}, stage.stage), el("div", { className: "track", "aria-hidden": "true" }, bar), el("span", { className: "time" }, `${stage.milliseconds.toFixed(2)} ms`));
    const facts = [stage.version ? el("code", {}, stage.version) : null, stage.degraded ? el("span", { className: "warn" }, ` left out: ${stage.degraded}`) : null];
    return el("li", {}, line, ...facts, kept.length ? details : el("p", { className: "facts" }, counts));
  });
  $("explain").replaceChildren(el("p", { className: "facts" }, `Request ${explanation.request}, ${explanation.milliseconds.toFixed(2)} ms in all.`), el("ol", { className: "stages" }, ...rows));
  $("explain-card").hidden = false;
}

// MARK: Search, models, experiments

async function search() {
  const query = $("query").value.trim();
  if (!query) {
    $("query").focus();
    throw new Trouble(0, "Type at least one word to search for.");
  }
  const user = $("as-user").checked && state.user ? `&user=${part(state.user)}` : "";
  const page = await ask(`v1/search?k=10&q=${part(query)}${user}`);
  $("results").replaceChildren(...factsOf(page), ...itemList(page));
  $("results-card").hidden = false;
  say(`${many(page.items.length, "item")} found`);
}

async function showModels() {
  const { slots } = await ask("v1/models");
  $("slots").replaceChildren(...slots.map(({ slot, version, problem }) => {
    const card = el("article", { className: "card" }, el("h3", {}, slot));
    if (problem) card.append(el("p", { className: "facts warn" }, `The last attempt to load failed: ${problem}`));
    if (!version) card.append(el("p", { className: "quiet" }, "Nothing is loaded; the stage is left out."));
    else {
      card.append(el("p", { className: "facts" }, el("code", {}, version.version), el("br"), `serves since ${date(version.time)}`, el("br"), "from ", el("code", {}, version.path)));
      const metrics = Object.entries(version.metrics).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
      if (metrics.length) card.append(el("table", {}, el("caption", { className: "unseen" }, `Offline metrics of ${slot}`), el("tbody", {}, ...metrics.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { className: "number" }, value.toFixed(4)))))));
      else card.append(el("p", { className: "quiet" }, "It came without offline metrics."));
    }
    return card;
  }));
  say(`${many(slots.length, "slot")}`);
}

function intervalBar({ value, low, high }, from, to) {
  const x = (number) => (10 + (180 * (number - from)) / (to - from || 1)).toFixed(1);
  return svg("svg", { class: "interval-bar", viewBox: "0 0 200 20", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: 200, y1: 10, y2: 10 }),
    svg("line", { class: "first", x1: x(low), x2: x(high), y1: 10, y2: 10, "stroke-width": 4 }),
    svg("circle", { class: "dot", cx: x(value), cy: 10, r: 5 }));
}

async function showExperiments() {
  const { experiments } = await ask("v1/experiments");
  const cards = experiments.map(({ experiment, arms, sampleRatioP }) => {
    const card = el("article", { className: "card" }, el("h3", {}, experiment));
    if (sampleRatioP < 0.001) card.append(el("p", { className: "facts warn" }, `People are not split as configured (p = ${sampleRatioP.toExponential(1)}): the assignment is broken, and the numbers below mean nothing.`));
    else card.append(el("p", { className: "facts" }, `People are split as configured (p = ${short(sampleRatioP)}).`));
    for (const metric of [...new Set(arms.flatMap((arm) => Object.keys(arm.metrics)))].sort()) {
      const known = arms.filter((arm) => arm.metrics[metric]);
      const from = Math.min(...known.map((arm) => arm.metrics[metric].low)), to = Math.max(...known.map((arm) => arm.metrics[metric].high));
      const show = metric === "value" ? short : percent;
      const rows = known.map((arm) => {
        const estimate = arm.metrics[metric];
        const name = el("th", { scope: "row" }, arm.arm, el("small", {}, many(arm.users, "user")));
        const numbers = [show(estimate.value), `${show(estimate.low).replace(" %", "")} – ${show(estimate.high)}`];
        return el("tr", {}, name, ...numbers.map((text) => el("td", { className: "number" }, text)), el("td", {}, intervalBar(estimate, from, to)));
      });
      const head = ["arm", metric.replaceAll("_", " "), "95 % interval"].map((name, column) => el("th", { scope: "col", className: column > 0 ? "number" : "" }, name));
      card.append(el("table", { className: "arms" }, el("thead", {}, el("tr", {}, ...head, el("td"))), el("tbody", {}, ...rows)));
    }
    return card;
  });
  $("reports").replaceChildren(...(cards.length ? cards : [el("p", { className: "card quiet" }, "No experiment is configured.")]));
}

// MARK: Live charts

const chartKinds = [
  { key: "rate", name: "Requests", unit: "per second", series: [["all", "first"]] },
  { key: "latency", name: "Time to answer", unit: "ms", series: [["median", "first"], ["99th percentile", "second"]] },
  { key: "errors", name: "Errors", unit: "per second", series: [["refused (4xx)", "first"], ["failed (5xx)", "second"]] },
  { key: "events", name: "Events", unit: "stored per second", series: [["stored", "first"]] },
];

/** The time within which a share of the answers came, from the difference of two histograms; in milliseconds. */
function quantile(bounds, counts, share) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return 0;
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) {
    if (below + counts[bucket] >= share * all) {
      const low = bucket === 0 ? 0 : bounds[bucket - 1], high = bounds[bucket] ?? low;
      return 1000 * (low + ((high - low) * (share * all - below)) / counts[bucket]);
    }
    below += counts[bucket];
  }
  return 1000 * bounds.at(-1);
}

function difference(old, now) {
  const seconds = Math.max(0.001, now.uptime - old.uptime);
  const a = old.traffic, b = now.traffic;
  const counts = b.latencyCounts.map((count, bucket) => count - a.latencyCounts[bucket]);
  return {
    rate: [(b.requests - a.requests) / seconds],
    latency: [quantile(b.latencyBounds, counts, 0.5), quantile(b.latencyBounds, counts, 0.99)],
    errors: [(b.clientErrors - a.clientErrors) / seconds, (b.serverErrors - a.serverErrors) / seconds],
    events: [(b.eventsStored - a.eventsStored) / seconds],
  };
}

function drawChart(kind, readings) {
  const width = 320, height = 120, points = 60;
  const most = Math.max(0, ...readings.flatMap((reading) => reading[kind.key]));
  const top = most || 1;
  const x = (place) => width - ((readings.length - 1 - place) * width) / (points - 1);
  const y = (value) => height - 4 - ((height - 12) * value) / top;
  const last = readings.at(-1)?.[kind.key] ?? kind.series.map(() => 0);
  const words = kind.series.map(([name], row) => `${name} ${short(last[row])}`).join(", ");
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${kind.name}, ${kind.unit}: ${words}` });
  for (const share of [0, 0.5, 1]) drawing.append(svg("line", { class: "axis", x1: 0, x2: width, y1: y(top * share), y2: y(top * share) }));
  kind.series.forEach(([, style], row) => {
    const path = readings.map((reading, place) => `${x(place).toFixed(1)},${y(reading[kind.key][row]).toFixed(1)}`);
    if (row === 0 && path.length > 1) drawing.append(svg("polygon", { class: "area", points: `${x(0)},${height - 4} ${path.join(" ")} ${width},${height - 4}` }));
    drawing.append(svg("polyline", { class: style, points: path.join(" ") }));
  });
  const scale = readings.length ? `at most ${short(most)} so far` : "waiting for the second reading …";
  return el("figure", { className: "card" }, el("figcaption", {}, kind.name, el("span", {}, kind.unit)), drawing, el("p", { className: "legend" }, `${words}; ${scale}`));
}

let previous = null;

async function read() {
  try {
    const now = await ask("v1/status");
    $("ready").className = now.obstacles.length ? "state bad" : "state good";
    $("ready").textContent = now.obstacles.length ? `not ready: ${now.obstacles.join("; ")}` : "ready";
    if (previous && now.uptime > previous.uptime) state.readings = [...state.readings, difference(previous, now)].slice(-60);
    else state.readings = [];
    previous = now;
    if (state.section === "traffic") $("charts").replaceChildren(...chartKinds.map((kind) => drawChart(kind, state.readings)));
  } catch (error) {
    const words = { 0: "cannot be reached", 401: "needs a token", 403: "running; the token may not read its state" };
    $("ready").className = error.status === 403 ? "state" : "state bad";
    $("ready").textContent = words[error.status] ?? "in trouble";
    if (state.section === "traffic") complain(error);
  }
}

async function poll() {
  if (!document.hidden) await read();
  setTimeout(poll, 2000);
}

// MARK: Sections and start

const loaders = { people: findUsers, search: () => {}, models: showModels, experiments: showExperiments, traffic: read };

async function openSection() {
  const wanted = location.hash.slice(1);
  if (wanted === "main") return;
  state.section = wanted in loaders ? wanted : "people";
  for (const name of Object.keys(loaders)) $(name).hidden = name !== state.section;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${state.section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${$(`${state.section}-title`).textContent} – Cascade`;
  $("similar-card").hidden = true;
  if (state.section === "traffic") $("charts").replaceChildren(...chartKinds.map((kind) => drawChart(kind, state.readings)));
  await loaders[state.section]();
}

let typing;
$("prefix").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(doing(findUsers), 200);
});
$("user-form").addEventListener("submit", doing(async () => {
  if ($("prefix").value) await openUser($("prefix").value);
  else $("prefix").focus();
}));
$("search-form").addEventListener("submit", doing(search));
$("again").addEventListener("click", doing(() => Promise.all([showHistory(), showPage()])));
$("similar-close").addEventListener("click", () => { $("similar-card").hidden = true; });
$("token-form").addEventListener("submit", doing(async () => {
  sessionStorage.setItem(tokenKey, $("token").value.trim());
  $("token").value = "";
  $("token-box").open = false;
  await Promise.all([openSection(), read()]);
}));
$("token-forget").addEventListener("click", doing(async () => {
  sessionStorage.removeItem(tokenKey);
  $("token-box").open = false;
  await Promise.all([openSection(), read()]);
}));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && $("token-box").open) {
    $("token-box").open = false;
    $("token-box").querySelector("summary").focus();
  }
});
window.addEventListener("hashchange", doing(openSection));
doing(openSection)();
poll();
