// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// The console: asks the server it came from, and draws what it answers. No framework, no build step, nothing from elsewhere.
// The server joins the files console-*.js and console.js, in the order of FileRoutes.swift, into one script.

const $ = (id) => document.getElementById(id);
const tokenKey = "cascade-token";
const state = { user: null, section: "overview", shown: new Set(), titles: new Map(), readings: [], status: null, goneSince: null };

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

/** Text of the catalog or of a person, whose direction must not reach the text around it. */
const bdi = (text) => el("bdi", {}, text);
/** The same for attributes and for what a screen reader is told: between the isolates of Unicode. */
const isolated = (text) => `\u2068${text}\u2069`;

const date = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "at an unknown time");
const clock = (time) => new Date(time).toLocaleTimeString();
const short = (number) => Number(number.toPrecision(3)).toString();
const score = (number) => number.toPrecision(4);
const percent = (number) => `${(100 * number).toFixed(2)} %`;
const many = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "less than a second";
  const parts = units.slice(first, first + 2).map(([word, size], place) => many(Math.floor((place ? seconds % units[first][1] : seconds) / size), word));
  return parts.join(" ");
}

// MARK: Asking the server

class Trouble extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks with the token, and as a preview: what the console looks at is nothing that a person was shown. */
async function ask(path, options = {}) {
  const token = sessionStorage.getItem(tokenKey);
  const headers = { "X-Cascade-Preview": "1", ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(options.body ? { "Content-Type": "application/json" } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Trouble(0, "The server cannot be reached. It may be stopping, or the network is down.");
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

/** Asks before something that cannot be undone easily; with `typed`, that text must be typed. */
function confirmed({ title, words, yes, typed = null }) {
  $("confirm-title").replaceChildren(...title);
  $("confirm-words").replaceChildren(...words);
  $("confirm-yes").textContent = yes;
  $("confirm-typing").hidden = typed === null;
  $("confirm-label").replaceChildren("Type ", bdi(typed ?? ""), " to confirm");
  $("confirm-text").value = "";
  const fits = () => { $("confirm-yes").disabled = typed !== null && $("confirm-text").value !== typed; };
  $("confirm-text").oninput = fits;
  fits();
  $("confirm").returnValue = "no";
  $("confirm").showModal();
  return new Promise((resolve) => {
    $("confirm").onclose = () => resolve($("confirm").returnValue === "yes" && !$("confirm-yes").disabled);
  });
}

async function titleOf(item) {
  if (!state.titles.has(item)) {
    state.titles.set(item, ask(`v1/items/${part(item)}`).then((found) => found.title || `item ${item}`, () => `item ${item}`));
  }
  return state.titles.get(item);
}
