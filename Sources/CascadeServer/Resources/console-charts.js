// Part of Cascade. SPDX-License-Identifier: Apache-2.0

// MARK: Charts over time

const span = 120000;
const chartKinds = [
  { key: "rate", name: "Requests", unit: "requests/s", series: [["all", "first"]] },
  { key: "latency", name: "Latency", unit: "ms", series: [["median", "first"], ["99th percentile", "second"]] },
  { key: "errors", name: "Errors", unit: "responses/s", series: [["client errors (4xx)", "first"], ["server errors (5xx)", "second"]] },
  { key: "events", name: "Events", unit: "events/s", series: [["stored", "first"]] },
  { key: "degraded", name: "Skipped stages", unit: "stages/s", series: [["skipped", "second"]] },
];

/** The quantile of the latency in milliseconds, from the difference of two histograms. */
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

const skipped = (traffic) => traffic.degraded.reduce((sum, one) => sum + one.count, 0);

function difference(old, now) {
  const seconds = Math.max(0.001, now.uptime_seconds - old.uptime_seconds);
  const a = old.traffic, b = now.traffic;
  const counts = b.latency_counts.map((count, bucket) => count - a.latency_counts[bucket]);
  return {
    time: Date.now(),
    rate: [(b.requests - a.requests) / seconds],
    latency: [quantile(b.latency_bounds_seconds, counts, 0.5), quantile(b.latency_bounds_seconds, counts, 0.99)],
    errors: [(b.client_errors - a.client_errors) / seconds, (b.server_errors - a.server_errors) / seconds],
    events: [(b.events_stored - a.events_stored) / seconds],
    degraded: [(skipped(b) - skipped(a)) / seconds],
  };
}

/** The next of 1, 2, 5, 10, 20 … that is not below a number, so that the axis has round figures. */
function roundUp(number) {
  if (!(number > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= number * 0.999999) ?? 10 * power;
}

function legend(kind, last) {
  const entries = kind.series.map(([name, style], row) => el("li", {},
    svg("svg", { class: "key", viewBox: "0 0 24 8", "aria-hidden": "true" }, svg("line", { class: style, x1: 0, x2: 24, y1: 4, y2: 4 })),
    last ? `${name}: ${short(last[row])} ${kind.unit}` : name));
  return el("ul", { className: "legend" }, ...entries);
}

function drawChart(kind, readings) {
  const width = 340, height = 150, left = 44, right = 8, top = 20, bottom = 22, now = readings.at(-1)?.time ?? Date.now();
  const most = roundUp(Math.max(0, ...readings.flatMap((reading) => reading[kind.key])));
  const x = (time) => width - right - ((now - time) * (width - left - right)) / span;
  const y = (value) => height - bottom - ((height - top - bottom) * value) / most;
  const last = readings.at(-1)?.[kind.key];
  const words = last ? kind.series.map(([name], row) => `${name} ${short(last[row])}`).join(", ") : "no readings yet";
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${kind.name} in ${kind.unit}, now: ${words}` });
  drawing.append(svg("text", { class: "tick", x: 0, y: 9 }, kind.unit));
  for (const value of [0, most / 2, most]) {
    drawing.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    drawing.append(svg("text", { class: "tick end", x: left - 5, y: y(value) + 3.5 }, short(value)));
  }
  for (const [ago, text, anchor] of [[span, "2 min ago", "start"], [span / 2, "1 min ago", "middle"], [0, "now", "end"]]) {
    const place = x(now - ago);
    drawing.append(svg("line", { class: "axis", x1: place, x2: place, y1: y(0), y2: y(0) + 4 }));
    drawing.append(svg("text", { class: `tick ${anchor}`, x: place, y: height - 5 }, text));
  }
  const kept = readings.filter((reading) => now - reading.time <= span);
  kind.series.forEach(([, style], row) => {
    const path = kept.map((reading) => `${x(reading.time).toFixed(1)},${y(reading[kind.key][row]).toFixed(1)}`);
    if (row === 0 && path.length > 1) drawing.append(svg("polygon", { class: `area ${style}-area`, points: `${x(kept[0].time)},${y(0)} ${path.join(" ")} ${x(now)},${y(0)}` }));
    drawing.append(svg("polyline", { class: style, points: path.join(" ") }));
  });
  const wait = readings.length ? null : el("p", { className: "quiet" }, "Waiting for the second reading …");
  return el("figure", { className: "card" }, el("figcaption", {}, kind.name), drawing, legend(kind, last), wait);
}

function drawCharts(place, kinds) {
  $(place).replaceChildren(...kinds.map((kind) => drawChart(kind, state.readings)));
}

// MARK: Intervals

/** A 95 % interval on an axis that all arms share; `zero` marks the place of no difference. */
function intervalBar({ value, low, high }, from, to, zero = false) {
  const x = (number) => (10 + (180 * (number - from)) / (to - from || 1)).toFixed(1);
  const mark = zero && from <= 0 && to >= 0 ? [svg("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: 20 })] : [];
  return svg("svg", { class: "interval-bar", viewBox: "0 0 200 20", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: 200, y1: 10, y2: 10 }), ...mark,
    svg("line", { class: "first", x1: x(low), x2: x(high), y1: 10, y2: 10, "stroke-width": 4 }),
    svg("circle", { class: "dot", cx: x(value), cy: 10, r: 5 }));
}

/** The axis of the bars above: its two ends. */
const intervalAxis = (from, to, show) => el("div", { className: "ends", "aria-hidden": "true" }, el("span", {}, show(from)), el("span", {}, show(to)));
