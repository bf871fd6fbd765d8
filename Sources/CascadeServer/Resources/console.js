// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// MARK: Readings

function stateWords(now) {
  if (now.obstacles.length) return ["state bad", `not ready: ${now.obstacles.join("; ")}`];
  const stages = [...new Set(recentlySkipped().filter((one) => one.recent).map((one) => one.stage))];
  return stages.length ? ["state warned", `ready; skipped: ${stages.join(", ")}`] : ["state good", "ready"];
}

/** Shows since when the server is unreachable and this page out of date, and when it is back. */
async function setGone(isGone) {
  if (isGone) {
    state.goneSince ??= Date.now();
    $("gone").replaceChildren(el("p", {}, `No response from the server since ${clock(state.goneSince)}. This page is out of date; it retries every two seconds.`));
  }
  const isBack = !isGone && state.goneSince !== null;
  if (!isGone) state.goneSince = null;
  $("gone").hidden = !isGone;
  document.body.classList.toggle("stale", isGone);
  if (isBack) {
    say("The server responds again.");
    await doing(openSection)();
  }
}

function note(now) {
  const isSameServer = state.status && now.uptime_seconds > state.status.uptime_seconds;
  state.readings = isSameServer ? [...state.readings, difference(state.status, now)].slice(-61) : [];
  if (!isSameServer) state.firstStatus = now;
  state.status = now;
}

async function read() {
  try {
    const now = await ask("v1/status");
    note(now);
    [$("ready").className, $("ready").textContent] = stateWords(now);
    await setGone(false);
  } catch (error) {
    const words = { 0: "cannot be reached", 401: "needs a token", 403: "running; the token may not read its status" };
    $("ready").className = error.status === 403 ? "state" : "state bad";
    $("ready").textContent = words[error.status] ?? "in trouble";
    if (error.status !== 0) state.status = null;
    await setGone(error.status === 0);
    if (state.section === "traffic" && error.status !== 0) complain(error);
  }
  if (state.section === "traffic") drawCharts("charts", chartKinds);
  if (state.section === "overview" && $("facts").childElementCount) drawOverview();
}

async function poll() {
  if (!document.hidden) await read();
  setTimeout(poll, 2000);
}

// MARK: Sections and start

const loaders = {
  overview: showOverview, people: findUsers, items: () => listItems(), search: () => {}, models: showModels,
  "ab-tests": showABTests, traffic: read,
};

async function openSection() {
  // Bookmarks of before.
  const wanted = location.hash.slice(1).replace(/^experiments$/, "ab-tests");
  if (wanted === "main") return;
  state.section = wanted in loaders ? wanted : "overview";
  for (const name of Object.keys(loaders)) $(name).hidden = name !== state.section;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${state.section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${$(`${state.section}-title`).textContent} – Cascade`;
  $("similar-card").hidden = true;
  await loaders[state.section]();
}

function typed(field, action) {
  let waiting;
  $(field).addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(doing(action), 200);
  });
}

async function restart() { await Promise.all([openSection(), read()]); }

typed("prefix", findUsers);
typed("item-prefix", () => listItems());
$("user-form").addEventListener("submit", doing(async () => {
  if ($("prefix").value) await openUser($("prefix").value);
  else $("prefix").focus();
}));
$("item-form").addEventListener("submit", doing(() => listItems()));
$("item-more").addEventListener("click", doing(() => listItems(true)));
$("search-form").addEventListener("submit", doing(search));
$("again").addEventListener("click", doing(() => Promise.all([showHistory(), showPage()])));
$("erase").addEventListener("click", doing(eraseUser));
$("similar-close").addEventListener("click", () => { $("similar-card").hidden = true; });
$("token-form").addEventListener("submit", doing(async () => {
  sessionStorage.setItem(tokenKey, $("token").value.trim());
  $("token").value = "";
  $("token-box").open = false;
  await restart();
}));
$("token-forget").addEventListener("click", doing(async () => {
  sessionStorage.removeItem(tokenKey);
  $("token-box").open = false;
  await restart();
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
