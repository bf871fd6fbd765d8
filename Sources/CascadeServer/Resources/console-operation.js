// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// MARK: Overview

/** Stages skipped within the readings of this page. */
function recentlySkipped() {
  const [old, now] = [state.firstStatus, state.status];
  if (!old || !now) return [];
  const before = new Map(old.traffic.degraded.map((one) => [`${one.stage} ${one.reason}`, one.count]));
  return now.traffic.degraded.map((one) => ({ ...one, recent: one.count - (before.get(`${one.stage} ${one.reason}`) ?? 0) }));
}

function factCard(title, ...content) { return el("article", { className: "card" }, el("h3", {}, title), ...content); }

function rows(pairs) {
  return el("table", {}, el("tbody", {}, ...pairs.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { className: "number" }, value)))));
}

function serviceCard() {
  const now = state.status;
  if (!now) return factCard("Service", el("p", { className: "quiet" }, "This token may not read the status of the service; that needs the role admin or metrics."));
  const { traffic } = now, last = state.readings.at(-1);
  const notReady = now.obstacles.map((obstacle) => el("p", { className: "facts warn" }, `Not ready: ${obstacle}`));
  return factCard("Service", ...notReady, rows([
    ["uptime", duration(now.uptime_seconds)],
    ["requests per second", last ? short(last.rate[0]) : "–"],
    ["99th percentile", last ? `${short(last.latency[1])} ms` : "–"],
    ["requests in flight", traffic.in_flight.toLocaleString()],
    ["requests", traffic.requests.toLocaleString()],
    ["client errors (4xx)", traffic.client_errors.toLocaleString()],
    ["server errors (5xx)", traffic.server_errors.toLocaleString()],
    ["events stored", traffic.events_stored.toLocaleString()],
    ["duplicate events", traffic.events_duplicate.toLocaleString()],
  ]));
}

function skippedCard() {
  const found = recentlySkipped();
  if (!found.length) return factCard("Skipped stages", el("p", { className: "quiet" }, state.status ? "No stage was skipped." : "Unknown without the status of the service."));
  const head = ["stage", "reason", "since this page opened", "since the start"].map((name, column) => el("th", { scope: "col", className: column > 1 ? "number" : "" }, name));
  const body = found.map((one) => el("tr", { className: one.recent ? "warn" : "" }, el("th", { scope: "row" }, one.stage), el("td", {}, whySkipped[one.reason] ?? one.reason), el("td", { className: "number" }, one.recent.toLocaleString()), el("td", { className: "number" }, one.count.toLocaleString())));
  return factCard("Skipped stages", el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)));
}

function slotsCard(slots) {
  if (!slots.length) return factCard("Slots", el("p", { className: "quiet" }, "No slot is configured; pages show popular items."));
  const lines = slots.map(({ slot, version, problem }) => el("tr", {}, el("th", { scope: "row" }, slot), el("td", {}, version ? el("code", {}, version.version) : el("span", { className: "warn" }, "empty"), problem ? el("small", { className: "warn" }, problem) : null)));
  return factCard("Slots", el("table", { className: "plain" }, el("tbody", {}, ...lines)));
}

let overview = { slots: [], items: null };

function drawOverview() {
  const catalog = factCard("Catalog", rows([["items", overview.items === null ? "–" : overview.items.toLocaleString()]]), el("p", { className: "facts" }, el("a", { href: "#items" }, "Browse the items")));
  $("facts").replaceChildren(serviceCard(), skippedCard(), slotsCard(overview.slots), catalog);
  drawCharts("overview-charts", chartKinds.slice(0, 2));
}

async function showOverview() {
  const [{ slots }, { total }] = await Promise.all([ask("v1/models"), ask("v1/items?limit=1")]);
  overview = { slots, items: total };
  drawOverview();
}

// MARK: Models

async function rollBack(slot, version, previous) {
  const isSure = await confirmed({
    title: [`Roll “${slot}” back?`],
    words: [`${previous.version} will serve all requests instead of ${version?.version ?? "nothing"}. A restart keeps it.`],
    yes: "Roll back",
  });
  if (!isSure) return;
  const status = await ask(`v1/models/${part(slot)}`, { method: "POST", body: JSON.stringify({ rollback: true }) });
  await showModels();
  say(`${status.version.version} serves in ${slot}`);
}

function slotCard({ slot, version, previous, problem }) {
  const card = el("article", { className: "card" }, el("h3", {}, slot));
  if (problem) card.append(el("p", { className: "facts warn" }, version ? `The last change had a problem: ${problem}` : `Loading failed: ${problem}`));
  if (!version) card.append(el("p", { className: "quiet" }, "Nothing is loaded; the stage is skipped."));
  else {
    card.append(el("p", { className: "facts" }, el("code", {}, version.version), el("br"), `serving since ${date(version.time)}`, el("br"), "from ", el("code", {}, version.path)));
    const metrics = Object.entries(version.metrics).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    if (metrics.length) card.append(el("table", {}, el("caption", { className: "unseen" }, `Offline metrics of ${slot}`), el("tbody", {}, ...metrics.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { className: "number" }, value.toFixed(4)))))));
    else card.append(el("p", { className: "quiet" }, "No offline metrics."));
  }
  if (previous) {
    card.append(el("p", { className: "facts spaced" }, "Previous: ", el("code", {}, previous.version)),
      el("button", { type: "button", className: "danger", "aria-label": `Roll ${slot} back to ${previous.version}`, onclick: doing(() => rollBack(slot, version, previous)) }, "Roll back …"));
  }
  return card;
}

const decisionOf = { promoted: "promoted", refused: "refused", "rolled-back": "rolled back to" };

function promotionsCard(promotions) {
  const lines = promotions.map(({ time, slot, decision, version, reason, applied, problem }) => {
    const state = problem ? el("small", { className: "warn" }, problem) : decision !== "refused" && !applied ? el("small", {}, "no service serves it yet") : null;
    return el("tr", {}, el("th", { scope: "row" }, date(time)), el("td", {}, slot), el("td", {}, `${decisionOf[decision]} `, el("code", {}, version)), el("td", {}, reason, state));
  });
  const heads = ["time", "slot", "decision", "reason"].map((name) => el("th", { scope: "col" }, name));
  return el("article", { className: "card" }, el("h3", {}, "Promotions"), el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...lines)));
}

async function showModels() {
  const [{ slots }, { promotions }] = await Promise.all([ask("v1/models"), ask("v1/promotions")]);
  $("promotions").replaceChildren(...(promotions.length ? [promotionsCard(promotions)] : []));
  $("slots").replaceChildren(...(slots.length ? slots.map(slotCard) : [el("p", { className: "card quiet" }, "No slot is configured.")]));
  say(`${many(slots.length, "slot")}`);
}

// MARK: A/B tests

function estimateTable(caption, head, entries, show, zero) {
  const from = Math.min(...entries.map(({ estimate }) => estimate.low), ...(zero ? [0] : [])), to = Math.max(...entries.map(({ estimate }) => estimate.high), ...(zero ? [0] : []));
  const body = entries.map(({ name, small, estimate, verdict }) => {
    const numbers = [show(estimate.value), `${show(estimate.low).replace(" %", "")} to ${show(estimate.high)}`];
    return el("tr", {}, el("th", { scope: "row" }, name, el("small", { className: verdict ? "verdict" : "" }, verdict ?? small)), ...numbers.map((text) => el("td", { className: "number" }, text)), el("td", {}, intervalBar(estimate, from, to, zero)));
  });
  body.push(el("tr", { className: "scale" }, el("td", { colSpan: 3 }), el("td", {}, intervalAxis(from, to, show))));
  const heads = head.map((name, column) => el("th", { scope: "col", className: column > 0 ? "number" : "" }, name));
  return el("table", { className: "arms" }, el("caption", { className: "unseen" }, caption), el("thead", {}, el("tr", {}, ...heads, el("td"))), el("tbody", {}, ...body));
}

const unitOf = { click_rate: "share of requests with a click", conversion: "share of users who purchased or rated", value: "sum of event values per user" };

function metricTables(metric, arms, differences) {
  const show = metric === "value" ? short : percent;
  const known = arms.filter((arm) => arm.metrics[metric]);
  const entries = known.map((arm) => ({ name: arm.arm, small: many(arm.users, "user"), estimate: arm.metrics[metric] }));
  const tables = [el("h4", {}, metric.replaceAll("_", " "), unitOf[metric] ? el("small", {}, unitOf[metric]) : null), estimateTable(`${metric} of each arm`, ["arm", "estimate", "95 % interval"], entries, show, false)];
  const compared = differences.filter((one) => one.metrics[metric]).map((one) => {
    const estimate = one.metrics[metric];
    const verdict = estimate.low > 0 ? "higher" : estimate.high < 0 ? "lower" : "no difference shown";
    return { name: `${one.arm} − ${one.baseline}`, estimate, verdict };
  });
  if (compared.length) tables.push(estimateTable(`${metric}: differences from the first arm`, ["difference", metric === "value" ? "estimate" : "points", "95 % interval"], compared, show, true));
  return tables;
}

async function showABTests() {
  const { ab_tests: tests } = await ask("v1/ab-tests");
  const cards = tests.map(({ name, arms, differences, sample_ratio_p_value: p }) => {
    const card = el("article", { className: "card" }, el("h3", {}, name));
    if (p < 0.001) card.append(el("p", { className: "facts warn" }, `Sample-ratio mismatch (p = ${p.toExponential(1)}): the assignment is broken, and the metrics below mean nothing.`));
    else card.append(el("p", { className: "facts" }, `Sample-ratio check passed (p = ${short(p)}).`));
    const metrics = [...new Set(arms.flatMap((arm) => Object.keys(arm.metrics)))].sort();
    card.append(...metrics.flatMap((metric) => metricTables(metric, arms, differences)));
    if (!metrics.length) card.append(el("p", { className: "quiet" }, "No arm has two users yet."));
    return card;
  });
  $("reports").replaceChildren(...(cards.length ? cards : [el("p", { className: "card quiet" }, "No A/B test is configured.")]));
}
