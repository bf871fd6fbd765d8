// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension PageReport {
    static let style = """
        :root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d8dee6; --paper: #fff; --tint: #f3f6fa; --accent: #1858b8; --bad: #a4262c; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #323b48; --paper: #12161c; --tint: #1b212a; --accent: #7fb0ff; --bad: #ff8f8f; }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
        h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
        h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
        p { max-width: 60rem; margin: .5rem 0; overflow-wrap: anywhere; }
        a { color: var(--accent); }
        .facts { color: var(--soft); font-size: .85rem; }
        .facts span { margin-right: 1.25rem; }
        .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
        th, td { padding: .4rem .7rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
        tbody tr:last-child > * { border-bottom: 0; }
        thead th { background: var(--tint); font-weight: 600; }
        tbody th { font-weight: 500; position: sticky; left: 0; background: var(--paper); white-space: normal; min-width: 8rem; }
        tbody th small { display: block; color: var(--soft); font-weight: 400; }
        .n { text-align: right; }
        th button { all: unset; cursor: pointer; }
        th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        th[aria-sort] button::after { content: " \\2193"; }
        th[aria-sort=ascending] button::after { content: " \\2191"; }
        tr.failed th, .failure { color: var(--bad); }
        figure { margin: 0; overflow-x: auto; }
        figure svg { width: 100%; min-width: 36rem; height: auto; display: block; }
        .legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .85rem; }
        .legend i { display: inline-block; width: 1rem; height: .2rem; vertical-align: middle; margin-right: .35rem; }
        """

    static let script = """
        for (const table of document.querySelectorAll('table.sortable')) {
          table.querySelectorAll('thead th').forEach((head, column) => head.addEventListener('click', () => {
            const ascending = head.getAttribute('aria-sort') === 'descending';
            table.querySelectorAll('thead th').forEach(other => other.removeAttribute('aria-sort'));
            head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
            const value = row => row.children[column].dataset.v ?? '';
            const compare = (a, b) => column === 0 ? value(b).localeCompare(value(a)) : value(b) - value(a);
            const body = table.tBodies[0];
            [...body.rows].sort((a, b) => ascending ? -compare(a, b) : compare(a, b)).forEach(row => body.append(row));
          }));
        }
        const colors = ['#2f6fd0', '#d2662b', '#2b9348', '#b5338a', '#8a6d1f', '#5b5bd6', '#c0392b', '#1d8a99', '#7a4fb0', '#6b7280'];
        for (const figure of document.querySelectorAll('figure.curves')) {
          const lines = JSON.parse(figure.querySelector('script').textContent);
          const rows = [...new Set(lines.map(line => line.row))];
          const all = lines.flatMap(line => line.points);
          const [left, right, top, bottom, width, height] = [64, 16, 12, 44, 900, 340];
          const highX = Math.max(...all.map(p => p[0])), lowY = Math.min(...all.map(p => p[1])), highY = Math.max(...all.map(p => p[1]));
          const x = value => left + value / highX * (width - left - right);
          const y = value => height - bottom - (value - lowY) / (highY - lowY || 1) * (height - top - bottom);
          const make = (name, attributes, text) => {
            const node = document.createElementNS('http://www.w3.org/2000/svg', name);
            for (const key in attributes) node.setAttribute(key, attributes[key]);
            if (text !== undefined) node.textContent = text;
            return node;
          };
          const svg = make('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `validation ${figure.dataset.metric} over training steps` });
          const label = { fill: 'currentColor', 'font-size': 13, opacity: 0.75 };
          for (let tick = 0; tick <= 4; tick++) {
            const value = lowY + (highY - lowY) * tick / 4;
            svg.append(make('line', { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: 'currentColor', opacity: 0.15 }));
            svg.append(make('text', { ...label, x: left - 8, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(3)));
            const step = highX * tick / 4;
            svg.append(make('text', { ...label, x: x(step), y: height - bottom + 18, 'text-anchor': tick === 4 ? 'end' : 'middle' }, Math.round(step)));
          }
          svg.append(make('text', { ...label, x: (left + width) / 2, y: height - 6, 'text-anchor': 'middle' }, 'training step'));
          for (const line of lines) {
            const path = make('polyline', { points: line.points.map(p => `${x(p[0])},${y(p[1])}`).join(' '), fill: 'none', stroke: colors[rows.indexOf(line.row) % colors.length], 'stroke-width': 1.8 });
            path.append(make('title', {}, `${line.row}, seed ${line.seed}`));
            svg.append(path);
          }
          const legend = document.createElement('div');
          legend.className = 'legend';
          rows.forEach((row, number) => {
            const entry = document.createElement('span'), swatch = document.createElement('i');
            swatch.style.background = colors[number % colors.length];
            entry.append(swatch, row);
            legend.append(entry);
          });
          figure.append(svg, legend);
        }
        """
}
