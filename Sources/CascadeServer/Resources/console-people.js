// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// MARK: Pages of items

function itemRow(place, title, about, buttons, facts = []) {
  const words = el("div", {}, el("span", { className: "title" }, bdi(title)), ...about, ...facts);
  return el("li", {}, el("span", { className: "place" }, place), words, el("div", { className: "row" }, ...buttons));
}

function similarButton(item, title) {
  return el("button", { type: "button", "aria-label": `Similar to ${isolated(title)}`, onclick: doing(() => showSimilar(item, title)) }, "Similar");
}

function itemList(page, { fresh = new Set(), click = true } = {}) {
  for (const one of page.items) if (one.title) state.titles.set(one.item, Promise.resolve(one.title));
  if (page.items.length === 0) return [el("p", { className: "quiet" }, "No items found.")];
  const rows = page.items.map((one, place) => {
    const title = one.title || `item ${one.item}`;
    const chips = one.reasons.map((reason) => el("span", { className: "chip" }, bdi(reason)));
    if (fresh.has(one.item)) chips.unshift(el("span", { className: "chip new" }, "new here"));
    const buttons = [similarButton(one.item, title)];
    if (click && state.user) {
      buttons.unshift(el("button", { type: "button", title: "Writes a real click of this user into the store", "aria-label": `Write a real click on ${isolated(title)} by user ${isolated(state.user)}`, onclick: doing(() => sendClick(one.item, title)) }, "Write click"));
    }
    const facts = [el("div", { className: "chips" }, ...chips)];
    return itemRow(`${place + 1}`, title, [" ", el("span", { className: "score", title: "score of the last stage" }, score(one.score))], buttons, facts);
  });
  return [el("ol", { className: "items" }, ...rows)];
}

const whySkipped = { deadline: "took too long", failed: "failed", missing: "has nothing loaded" };

function factsOf(page) {
  const lines = [];
  const arms = Object.entries(page.arms).map(([test, arm]) => `${test}: ${arm}`);
  if (arms.length) lines.push(el("p", { className: "facts" }, `Arm of the A/B test: ${arms.join(", ")}`));
  for (const { stage, reason } of page.degraded) {
    lines.push(el("p", { className: "facts warn" }, `The stage “${stage}” was skipped: it ${whySkipped[reason] ?? reason}.`));
  }
  return lines;
}

async function showSimilar(item, title) {
  const page = await ask(`v1/items/${part(item)}/similar?k=10`);
  $("similar-to").textContent = title;
  $("similar").replaceChildren(...factsOf(page), ...itemList(page, { click: false }));
  $("similar-card").hidden = false;
  $("similar-card").scrollIntoView({ block: "nearest" });
  say(`${many(page.items.length, "item")} similar to ${isolated(title)}`);
}

// MARK: People

async function findUsers() {
  const prefix = $("prefix").value;
  const { users } = await ask(`v1/users?limit=12&prefix=${part(prefix)}`);
  if (prefix !== $("prefix").value) return;
  $("users").replaceChildren(...users.map((user) => el("li", {}, el("button", { type: "button", "aria-pressed": `${user === state.user}`, onclick: doing(() => openUser(user)) }, bdi(user)))));
  say(`${many(users.length, "user")} found`);
}

async function openUser(user) {
  state.user = user;
  state.shown = new Set();
  for (const node of document.querySelectorAll(".who")) node.textContent = user;
  for (const button of $("users").querySelectorAll("button")) button.setAttribute("aria-pressed", `${button.textContent === user}`);
  $("as-user").disabled = false;
  $("as-user-words").replaceChildren("for user ", bdi(user));
  await Promise.all([showHistory(), showPage()]);
}

async function showHistory() {
  const user = state.user;
  let events = [], isStored = true;
  try {
    ({ events } = await ask(`v1/users/${part(user)}`));
  } catch (error) {
    if (error.status !== 404) throw error;
    isStored = false;
  }
  const latest = events.slice(-20).reverse();
  const titles = await Promise.all(latest.map((event) => titleOf(event.item)));
  if (user !== state.user) return;
  const rows = latest.map((event, row) => el("li", {}, bdi(titles[row]), el("small", {}, event.action, ...(event.query ? [" after “", bdi(event.query), "”"] : []), `, ${date(event.time)}`)));
  $("history").replaceChildren(...(rows.length ? rows : [el("li", { className: "quiet" }, "No events of this user.")]));
  $("erase").hidden = !isStored;
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
  say(`${many(page.items.length, "item")} recommended for user ${isolated(user)}${fresh.size ? `, ${fresh.size} of them new` : ""}`);
  await explain(page.request);
}

/** Without the page's request: a preview has no impressions, so no A/B test may count the click. */
async function sendClick(item, title) {
  const id = `console-${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  await ask("v1/events", { method: "POST", body: JSON.stringify({ id, user: state.user, item, action: "click" }) });
  await Promise.all([showHistory(), showPage()]);
  say(`A click on ${isolated(title)} is stored. This is the next page.`);
}

async function eraseUser() {
  const user = state.user;
  const isSure = await confirmed({
    title: ["Erase user ", bdi(user), "?"],
    words: ["This deletes everything stored about the user: events, impressions, and cached data. It cannot be undone."],
    yes: "Erase permanently",
    typed: user,
  });
  if (!isSure) return;
  const answer = await ask(`v1/users/${part(user)}`, { method: "DELETE" });
  await Promise.all([showHistory(), showPage(), findUsers()]);
  say(Number.isFinite(answer.erased) ? `User ${isolated(user)} is erased: ${many(answer.erased, "row")}.` : `The erasure of user ${isolated(user)} has begun.`);
}

async function explain(request) {
  const explanation = await ask(`v1/explain/${part(request)}`);
  const longest = Math.max(0.001, ...explanation.stages.map((stage) => stage.latency_ms));
  const items = [...new Set(explanation.stages.flatMap((stage) => stage.kept.map((one) => one.item)))];
  const titles = new Map(await Promise.all(items.map(async (item) => [item, await titleOf(item)])));
  const rows = explanation.stages.map((stage) => {
    const bar = el("span");
    bar.style.width = `${(100 * stage.latency_ms) / longest}%`;
    const dropped = Object.entries(stage.dropped).filter(([, count]) => count > 0).map(([rule, count]) => `${count} ${rule}`);
    const counts = `${stage.received ? `${stage.received} in, ` : ""}${stage.kept_count} out${dropped.length ? `; removed: ${dropped.join(", ")}` : ""}`;
    const kept = stage.kept.map((one) => el("li", {}, bdi(titles.get(one.item)), " ", el("span", { className: "score" }, score(one.score))));
    const details = el("details", {}, el("summary", { "aria-label": `${stage.stage}: ${counts}. Show the first ${kept.length}` }, counts), el("ol", {}, ...kept));
    const line = el("div", { className: "line" }, el("strong", {}, stage.stage), el("div", { className: "track", "aria-hidden": "true" }, bar), el("span", { className: "time" }, `${stage.latency_ms.toFixed(2)} ms`));
    const facts = [stage.version ? el("code", {}, stage.version) : null, stage.degraded ? el("span", { className: "warn" }, ` skipped: it ${whySkipped[stage.degraded] ?? stage.degraded}`) : null];
    return el("li", {}, line, ...facts, kept.length ? details : el("p", { className: "facts" }, counts));
  });
  $("explain").replaceChildren(el("p", { className: "facts" }, `Request ${explanation.request}, ${explanation.latency_ms.toFixed(2)} ms in total.`), el("ol", { className: "stages" }, ...rows));
  $("explain-card").hidden = false;
}

// MARK: Items and search

let lastItem = null;

function catalogRow(item) {
  const title = item.title || `item ${item.id}`;
  state.titles.set(item.id, Promise.resolve(title));
  const chips = item.categories.map((category) => el("span", { className: "chip" }, bdi(category)));
  if (!item.available) chips.unshift(el("span", { className: "chip off" }, "unavailable"));
  const facts = [el("div", { className: "chips" }, ...chips)];
  const more = Object.entries(item.attributes).map(([name, value]) => el("span", {}, `${name}: `, bdi(value)));
  const lines = [`id `, el("code", {}, bdi(item.id)), item.created ? `, since ${date(item.created)}` : ""];
  facts.push(el("p", { className: "facts" }, ...lines, ...more.flatMap((one) => [", ", one])));
  return itemRow("", title, [], [similarButton(item.id, title)], facts);
}

async function listItems(isNext = false) {
  const prefix = $("item-prefix").value;
  const after = isNext && lastItem !== null ? `&after=${part(lastItem)}` : "";
  const { items, total } = await ask(`v1/items?limit=20&prefix=${part(prefix)}${after}`);
  if (prefix !== $("item-prefix").value) return;
  if (!isNext) $("item-list").replaceChildren();
  $("item-list").append(...items.map(catalogRow));
  lastItem = items.at(-1)?.id ?? lastItem;
  const shown = $("item-list").children.length;
  $("item-more").hidden = shown >= total || items.length === 0;
  $("item-count").replaceChildren(...(prefix ? [`${many(total, "item")} with ids that begin with “`, bdi(prefix), `”`] : [`${many(total, "item")} in the catalog`]), `; ${shown.toLocaleString()} shown, in the order of their ids.`);
  say(`${shown} of ${many(total, "item")} shown`);
}

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
