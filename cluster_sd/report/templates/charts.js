// Charts: each figure.chart holds what to draw (script.spec); its numbers are columns of #chart-numbers.
// plotly.js is unpacked once the page stands; a chart is drawn when it comes near, and all of them before printing.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const numbers = read("chart-numbers"), settings = read("chart-settings"), looks = settings.looks;
  const INK = "#222222", SOFT = "#5c5c5c", GRID = "#e2e2e2";
  const FONT = { family: getComputedStyle(document.body).fontFamily, size: 13, color: INK };
  const TITLE = { ...FONT, color: SOFT }, FRAME = { font: FONT, paper_bgcolor: "#fff", plot_bgcolor: "#fff", dragmode: false };
  const NARROW = 560, PRINTED = 660, LABELLED = 9;

  // --- words and numbers --------------------------------------------------------------------------------------------

  // words for the size of a number, and what stands at an axis
  const WORDS = { en: [[1e9, "billion"], [1e6, "million"]], zh: [[1e8, "亿"], [1e4, "万"]] };
  const STEPS = { en: [[1e9, "B"], [1e6, "M"], [1e3, "k"]], zh: WORDS.zh };
  const plain = (v, digits) => v.toLocaleString("en-US", { maximumSignificantDigits: digits });
  const minus = (text) => text.replace("-", "\u2212");

  function number(v, language, digits = 3) {
    const size = Math.abs(v);
    if (Number.isInteger(v) && size < 1e5) { return minus(v.toLocaleString("en-US")); }
    const step = WORDS[language].find(([least]) => size >= least);
    if (step) { return minus(plain(v / step[0], digits)) + "\u00a0" + step[1]; }
    if (size < 1e-4 && size > 0) { return minus(v.toExponential(digits - 1).replace("e-", "e\u2212")); }
    return minus(plain(v, digits));
  }

  function percent(v, language) {
    const size = Math.abs(100 * v), digits = size >= 9.5 ? Math.max(2, Math.ceil(Math.log10(size + 0.5))) : 2;
    const tiny = size > 0 && size < 0.01;
    const text = tiny ? (v > 0 ? "<0.01" : "0") : size < 0.1 ? String(+size.toFixed(2)) : plain(size, digits);
    return (v < 0 && !tiny ? "\u2212" : "") + text + (language === "en" ? "\u00a0%" : "%");
  }

  function estimate(share, language, value, low, high) {
    const write = (v) => share ? percent(v, language) : number(v, language), known = (v) => v !== null && v !== undefined;
    if (!known(low) || !known(high)) { return write(value); }
    return fill(settings.words[language].interval, { value: write(value), low: write(low), high: write(high) });
  }

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name]);

  // plotly reads a little markup in texts: none of ours is any
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\$/g, "&#36;").replace(/%\{/g, "&#37;{");

  const pen = document.createElement("canvas").getContext("2d");
  function width(text, size = 13) {
    pen.font = size + "px " + FONT.family;
    return pen.measureText(text).width;
  }

  // lines of a text that are no wider than so many pixels
  function wrap(text, room, size = 13) {
    const parts = text.match(/[\u2e80-\uffff][，。、；：）》」]?|[^\s\u2e80-\uffff]+\s*/g) || [text];
    const rows = [""];
    for (const part of parts) {
      const last = rows.length - 1;
      if (rows[last] && width((rows[last] + part).trimEnd(), size) > room) { rows.push(part); } else { rows[last] += part; }
    }
    return rows.map((row) => row.trimEnd());
  }

  const lines = (rows) => rows.map(safe).join("<br>");

  // --- axes ---------------------------------------------------------------------------------------------------------

  function niceStep(span, most, whole) {
    const rough = span / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
    const step = (whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((n) => n * power).find((n) => n >= rough * 0.999);
    return whole ? Math.max(1, step) : step;
  }

  function ticksBetween(low, high, most, whole) {
    if (!(high > low)) { return [low]; }
    const step = niceStep(high - low, most, whole), made = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) { made.push(+(i * step).toPrecision(12)); }
    return made;
  }

  // one scale for all ticks of an axis: 0, 0.5M, 1M
  function tickTexts(values, panel, language) {
    if (panel.percent) {
      return values.map((v) => minus(String(+(100 * v).toPrecision(6))) + (language === "en" ? "\u00a0%" : "%"));
    }
    const largest = Math.max(...values.map(Math.abs));
    const scale = STEPS[language].find(([least]) => largest >= least && (least > 1e3 || largest >= 1e4)) || [1, ""];
    return values.map((v) => v === 0 ? "0" : minus(plain(v / scale[0], 6)) + (language === "zh" && scale[1] ? "\u00a0" : "") + scale[1]);
  }

  function extent(columns, withZero) {
    const all = columns.flat().filter((v) => v !== null && v !== undefined);
    let low = Math.min(...all), high = Math.max(...all);
    if (!all.length) { [low, high] = [0, 1]; }
    if (withZero || (low >= 0 && low < 0.6 * high)) { low = Math.min(low, 0); }
    if (withZero || (high <= 0 && high > 0.6 * low)) { high = Math.max(high, 0); }
    if (low === high) { const more = Math.abs(low) * 0.1 || 1; low -= more; high += more; }
    const air = 0.04 * (high - low);
    return [low === 0 ? 0 : low - air, high === 0 ? 0 : high + air];
  }

  const axis = (range, values, texts, more) => ({
    range, tickvals: values, ticktext: texts, fixedrange: true, gridcolor: GRID, zeroline: false, ticks: "outside",
    tickcolor: GRID, ticklen: 4, linecolor: SOFT, automargin: false, ...more,
  });

  // --- lines --------------------------------------------------------------------------------------------------------

  const column = (place) => place === null || place === undefined ? null : numbers[place];

  function look(i) {
    const of = (kind) => looks[kind][i % looks[kind].length];
    return { colour: of("colours"), dash: of("dashes"), marker: of("markers") + (i >= looks.markers.length ? "-open" : "") };
  }

  function faded(colour, opacity) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return `rgba(${r},${g},${b},${opacity})`;
  }

  // a band is a closed shape for each stretch without gaps
  function band(series, colour, group) {
    const x = [], y = [];
    let run = [];
    const close = () => {
      if (run.length > 1) {
        const back = run.slice().reverse();
        x.push(...run.map((i) => series.x[i]), ...back.map((i) => series.x[i]), null);
        y.push(...run.map((i) => series.low[i]), ...back.map((i) => series.high[i]), null);
      }
      run = [];
    };
    series.x.forEach((_, i) => { if (series.low[i] === null || series.high[i] === null) { close(); } else { run.push(i); } });
    close();
    return {
      type: "scatter", mode: "lines", x, y, fill: "toself", fillcolor: faded(colour, 0.16), hoverinfo: "skip",
      line: { color: faded(colour, 0.55), width: 0.8 }, showlegend: false, legendgroup: group,
    };
  }

  function whiskers(series, colour) {
    const part = (ends, sign) => series.y.map((v, i) => ends[i] === null || v === null ? null : Math.max(0, sign * (ends[i] - v)));
    return {
      type: "data", symmetric: false, array: part(series.high, 1), arrayminus: part(series.low, -1), color: colour,
      thickness: 1.2, width: 3,
    };
  }

  // what stands in the box at the pointer, a line a series; its unit stands in the box's title
  function told(series, panel, language, across) {
    return series.y.map((v, i) => {
      if (v === null) { return ""; }
      const note = Array.isArray(series.note) ? series.note[i] : series.note;
      const value = estimate(panel.percent, language, v, series.low && series.low[i], series.high && series.high[i]);
      // the box takes the nearest mark, which may be of another time than its title says
      const when = series.kind === "marks" ? ` (${minus(String(series.x[i]))})` : "";
      const name = fitted(series.name, Math.max(80, Math.min(300, across - 110 - width(when + value, 12))));
      return `${safe(name)}${when}: <b>${safe(value)}</b>` + (note ? `<br>${lines(wrap(note, Math.min(300, across - 110)))}` : "");
    });
  }

  function lineTraces(series, panel, i, language, room, across) {
    const { colour, dash, marker } = look(i), group = "s" + i, made = [];
    if (series.low && series.high && series.kind === "line") { made.push(band(series, colour, group)); }
    const marks = series.kind === "marks";
    made.push({
      type: "scatter", x: series.x, y: series.y, name: lines(wrap(series.name, room, 12)), legendgroup: group,
      mode: marks ? "markers" : "lines+markers", connectgaps: false,
      line: { color: colour, dash, width: i === 0 ? 2.6 : 2 },
      marker: marks
        ? { color: colour, symbol: marker, size: 8, line: { color: "#fff", width: 0.8 } }
        : { color: colour, symbol: marker, size: i === 0 ? 0.01 : 7, maxdisplayed: 7 },
      text: told(series, panel, language, across), hovertemplate: "%{text}<extra></extra>",
      ...(marks && series.low && series.high ? { error_y: whiskers(series, colour) } : {}),
    });
    return made;
  }

  // areas stand on each other; those below zero hang from it: each is one shape above zero and one below
  function areaTraces(all, panel, stacked, language, room, across, first = 0) {
    const base = { 1: new Map(), "-1": new Map() };
    return all.flatMap((series, place) => {
      const i = first + place, { colour } = look(i), group = "s" + i, sides = [1, -1].filter((side) => series.y.some((v) => side * v > 0));
      const pattern = looks.patterns[i % looks.patterns.length];
      const shapes = sides.map((side, at) => {
        const under = stacked ? base[side] : new Map();
        const low = series.x.map((x, n) => series.y[n] === null ? null : under.get(x) || 0);
        const high = series.y.map((v, n) => v === null ? null : low[n] + (side * v > 0 ? v : 0));
        series.x.forEach((x, n) => { if (high[n] !== null) { under.set(x, high[n]); } });
        return {
          ...band({ x: series.x, low, high }, colour, group), name: lines(wrap(series.name, room, 12)), showlegend: at === 0,
          line: { color: colour, width: 1 }, fillcolor: faded(colour, 0.75),
          fillpattern: { shape: pattern, fillmode: "replace", size: 6, solidity: 0.35, fgcolor: colour, bgcolor: faded(colour, pattern ? 0.12 : 0.75) },
        };
      });
      const pointed = {
        type: "scatter", mode: "lines", x: series.x, y: series.y.map((v, n) => v === null ? null : stacked ? base[v < 0 ? -1 : 1].get(series.x[n]) : v),
        line: { color: colour, width: 0 }, showlegend: false, legendgroup: group, text: told(series, panel, language, across), hovertemplate: `<span style="color:${colour}">■</span> %{text}<extra></extra>`,
      };
      return [...shapes, pointed];
    });
  }

  // names at the ends of the lines, pushed apart where they would lie on each other; a series that ends early has its
  // name at its own end
  function endLabels(all, room, box, range) {
    const at = (x, y) => [box.left + (x - range.x[0]) / (range.x[1] - range.x[0]) * box.width,
      box.top + (range.y[1] - y) / (range.y[1] - range.y[0]) * box.height];
    const ends = [];
    all.forEach((series, i) => {
      let last = series.y.length - 1;
      while (last >= 0 && series.y[last] === null) { last--; }
      if (last < 0) { return; }
      const rows = wrap(series.name, room, 12), [x, y] = at(series.x[last], series.y[last]);
      ends.push({ i, rows, x, y, height: rows.length * 15 + 3, data: [series.x[last], series.y[last]] });
    });
    const early = ends.filter((end) => end.x < box.left + 0.85 * box.width), late = ends.filter((end) => !early.includes(end));
    late.sort((a, b) => a.y - b.y);
    spread(late, box.top, box.top + box.height);
    const there = early.map((end) => ({
      x: end.data[0], y: end.data[1], text: lines(end.rows), showarrow: false, xanchor: "left", xshift: 8, yanchor: "middle", align: "left",
      yshift: end.y < box.top + 20 ? -12 : 12, font: { ...FONT, size: 12, color: look(end.i).colour }, bgcolor: "rgba(255,255,255,.75)", borderpad: 0,
    }));
    return there.concat(late.map((end) => ({
      x: end.data[0], y: end.data[1], text: lines(end.rows), showarrow: true, arrowhead: 0, arrowwidth: 0.7, standoff: 4,
      arrowcolor: Math.abs(end.at - end.y) > 5 || box.left + box.width - end.x > 12 ? "#9a9a9a" : "rgba(0,0,0,0)",
      ax: box.left + box.width - end.x + 14, ay: end.at - end.y, axref: "pixel", ayref: "pixel", xanchor: "left", yanchor: "middle",
      align: "left", font: { ...FONT, size: 12, color: look(end.i).colour }, borderpad: 0,
    })));
  }

  // places of labels, in order, as near to their lines as they can be without touching
  function spread(ends, top, bottom) {
    const blocks = [];
    for (const end of ends) {
      let block = { ends: [end], height: end.height, middle: end.y };
      for (let before = blocks[blocks.length - 1]; before && before.middle + before.height / 2 > block.middle - block.height / 2; before = blocks[blocks.length - 1]) {
        blocks.pop();
        const count = before.ends.length + block.ends.length;
        block = {
          ends: before.ends.concat(block.ends), height: before.height + block.height,
          middle: (before.middle * before.ends.length + block.middle * block.ends.length) / count,
        };
      }
      block.middle = Math.min(Math.max(block.middle, top + block.height / 2), Math.max(bottom + 12 - block.height / 2, top + block.height / 2));
      blocks.push(block);
    }
    for (const block of blocks) {
      let y = block.middle - block.height / 2;
      for (const end of block.ends) { end.at = y + end.height / 2; y += end.height; }
    }
  }

  // sizes of a chart of lines: where names stand, how much room they and the axes take
  function linePlan(all, panel, across) {
    const narrow = across < NARROW, areas = all.length > 0 && all.every((s) => s.kind === "area");
    const direct = !narrow && !areas && all.length > 1 && all.length <= LABELLED, legend = !direct && all.length > 1;
    const room = narrow ? across - 60 : Math.min(190, across * 0.24), names = all.map((s) => wrap(s.name, room, 12));
    const widest = Math.ceil(Math.max(0, ...names.flat().map((row) => width(row, 12))));
    const title = wrap(panel.y, across - 10);
    return {
      narrow, areas, direct, legend, beside: legend && !narrow, room, title, across,
      right: direct ? widest + 22 : legend && !narrow ? widest + 56 : 14,
      under: legend && narrow ? names.flat().length * 16 + names.length * 5 + 14 : 0,
      top: 17 + 17 * title.length, bottom: panel.x ? 50 : 34, height: narrow ? 290 : across === PRINTED ? 300 : 380,
    };
  }

  function lineRange(all, traces, areas) {
    const xs = all.flatMap((s) => s.x), low = Math.min(...xs), high = Math.max(...xs);
    const air = low === high ? 1 : (high - low) * (all.some((s) => s.kind === "marks") ? 0.02 : 0.004);
    const ends = all.flatMap((s) => s.kind === "marks" && s.low && s.high ? [s.low, s.high] : []);
    return { x: xs.length ? [low - air, high + air] : [0, 1], y: extent([...traces.map((t) => t.y), ...ends], areas), whole: xs.every(Number.isInteger) };
  }

  function lineAxes(panel, range, box, language, narrow) {
    const ticks = ticksBetween(...range.x, Math.max(2, Math.floor(box.width / 70)), range.whole);
    const unit = panel.unit ? " · " + safe(panel.unit) : "", [low, high] = range.y;
    return {
      xaxis: axis(range.x, ticks, ticks.map((v) => Math.abs(v) < 1e4 ? minus(String(v)) : number(v, language, 4)), {
        title: panel.x ? { text: safe(fitted(panel.x, box.width)), standoff: 8, font: TITLE } : undefined, showline: low === 0,
        unifiedhovertitle: { text: "<b>%{x}</b>" + unit }, hoverformat: ".10~g",
        showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot", spikecolor: SOFT,
      }),
      yaxis: axis(range.y, box.ticks, box.texts, { ticks: "", zeroline: low < 0 && high > 0, zerolinecolor: SOFT, zerolinewidth: 1 }),
      hoverlabel: pointed(narrow ? 11 : 12),
    };
  }

  const pointed = (size) => ({ bgcolor: "rgba(255,255,255,.96)", bordercolor: SOFT, font: { ...FONT, size }, align: "left" });

  function lineLegend(plan) {
    const font = { ...FONT, size: 12 };
    return plan.beside
      ? { x: 1, xanchor: "left", y: 1, yanchor: "top", font, traceorder: plan.areas ? "reversed" : "normal" }
      : { x: 0, xanchor: "left", xref: "container", y: 0, yanchor: "bottom", yref: "container", font, tracegroupgap: 2 };
  }

  function drawLines(spec, panel, language, across) {
    const all = panel.series.map((s) => ({ ...s, x: column(s.x), y: column(s.y), low: column(s.low), high: column(s.high) }));
    const plan = linePlan(all, panel, across), { room, top, bottom, right, under } = plan;
    const traces = plan.areas
      ? areaTraces(all, panel, spec.stacked, language, room, across)
      : all.flatMap((s, i) => s.kind === "area" ? areaTraces([s], panel, false, language, room, across, i) : lineTraces(s, panel, i, language, room, across));
    const range = lineRange(all, traces, plan.areas), ticks = ticksBetween(...range.y, plan.narrow ? 5 : 7, false);
    const texts = tickTexts(ticks, panel, language), left = Math.ceil(Math.max(0, ...texts.map((t) => width(t)))) + 14;
    const box = { left, top, width: across - left - right, height: plan.height - top - bottom, ticks, texts };
    const title = {
      text: lines(plan.title), x: 0, xref: "paper", xanchor: "left", xshift: 2 - left, y: 1, yref: "paper", yanchor: "top", yshift: top - 4,
      showarrow: false, font: TITLE, align: "left",
    };
    const layout = {
      ...FRAME, ...lineAxes(panel, range, box, language, plan.narrow), width: across, height: plan.height + under,
      margin: { l: left, r: right, t: top, b: bottom + under, pad: 0, autoexpand: false }, hovermode: "x unified", hoverdistance: -1,
      showlegend: plan.legend, legend: lineLegend(plan), annotations: [title, ...(plan.direct ? endLabels(all, room, box, range) : [])],
    };
    return { traces, layout };
  }

  // --- bars ---------------------------------------------------------------------------------------------------------

  function barTraces(rows, panel, narrow) {
    const roles = [...new Set(rows.map((row) => row.role))].sort((a, b) => a - b);
    return roles.map((role) => {
      const own = rows.filter((row) => row.role === role), colour = look(role).colour, shape = looks.patterns[role % looks.patterns.length];
      const part = (end, sign) => own.map((row) => row[end] === null || row.value === null ? null : Math.max(0, sign * (row[end] - row.value)));
      return {
        type: "bar", orientation: "h", name: safe(panel.titles[role] || ""), x: own.map((row) => row.value),
        y: own.map((row) => row.at + (narrow ? 0.22 : 0)), width: narrow ? 0.36 : 0.6,
        marker: {
          color: faded(colour, 0.8), line: { color: colour, width: 1 },
          pattern: { shape, solidity: 0.28, size: 6, bgcolor: faded(colour, 0.15), fgcolor: colour },
        },
        error_x: { type: "data", symmetric: false, array: part("high", 1), arrayminus: part("low", -1), color: INK, thickness: 1.2, width: 3 },
        text: own.map((row) => barTold(row, panel)), textposition: "none", hovertemplate: "%{text}<extra></extra>",
      };
    });
  }

  function barTold(row, panel) {
    const note = row.note ? `<br>${lines(wrap(row.note, 300))}` : "";
    return `${lines(wrap(row.label, 300))}<br><b>${safe(row.told)}</b> ${safe(panel.unit)}${note}`;
  }

  // the value of each bar at the right; on a phone its label is above it, for want of room at the left
  function barNotes(rows, narrow, across) {
    const font = { ...FONT, size: 12 }, both = { showarrow: false, yref: "y", yanchor: "middle", yshift: narrow ? 12 : 0, xref: "paper", align: "left" };
    const values = rows.map((row) => ({
      ...both, y: row.at, x: 1, xanchor: narrow ? "right" : "left", xshift: narrow ? 0 : 8, text: safe(row.told), font: { ...font, color: SOFT },
    }));
    if (!narrow) { return values; }
    return values.concat(rows.map((row) => ({
      ...both, y: row.at, x: 0, xanchor: "left", text: safe(fitted(row.label, across - 26 - width(row.told, 12))), font,
    })));
  }

  function drawBars(spec, panel, language, across) {
    const value = column(panel.value), low = column(panel.low), high = column(panel.high), narrow = across < NARROW;
    const rows = panel.labels.map((label, at) => ({
      label, at, value: value[at], low: low[at], high: high[at], role: panel.roles[at], note: panel.notes[at],
      told: value[at] === null ? "–" : estimate(panel.percent, language, value[at], low[at], high[at]),
    }));
    const traces = barTraces(rows, panel, narrow);
    const legend = new Set(spec.panels.flatMap((one) => one.roles)).size > 1 && traces.some((trace) => trace.name);
    const right = narrow ? 10 : Math.ceil(Math.max(0, ...rows.map((row) => width(row.told, 12)))) + 16;
    const wrapped = rows.map((row) => wrap(row.label, Math.min(280, across * 0.38))), most = Math.max(1, ...wrapped.map((one) => one.length));
    const left = narrow ? 6 : Math.ceil(Math.max(30, ...wrapped.flat().map((row) => width(row)))) + 12;
    const title = wrap(panel.x, across - left - right), top = legend ? 32 : 8, bottom = 32 + 17 * title.length;
    const pitch = narrow ? 46 : Math.max(27, most * 17 + 4);
    const range = extent([value, low, high], true), ticks = ticksBetween(...range, Math.max(2, Math.floor((across - left - right) / 80)), false);
    const layout = {
      ...FRAME, width: across, height: top + bottom + rows.length * pitch, margin: { l: left, r: right, t: top, b: bottom, pad: 0, autoexpand: false },
      hovermode: "closest", hoverlabel: pointed(12), barmode: "overlay", showlegend: legend,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", font: { ...FONT, size: 12 } },
      xaxis: axis(range, ticks, tickTexts(ticks, panel, language), {
        title: { text: lines(title), standoff: 8, font: TITLE }, zeroline: true, zerolinecolor: INK, zerolinewidth: 1,
      }),
      yaxis: axis([rows.length - 0.5, -0.5], rows.map((row) => row.at), narrow ? rows.map(() => "") : wrapped.map(lines), { showgrid: false, ticks: "" }),
      annotations: barNotes(rows, narrow, across),
    };
    return { traces, layout };
  }

  function fitted(text, room) {
    let kept = text;
    while (kept && width(kept, 12) > room) { kept = kept.slice(0, -1); }
    return kept === text ? text : kept.slice(0, -1) + "…";
  }

  // --- one chart ----------------------------------------------------------------------------------------------------

  const CONFIG = { displayModeBar: false, responsive: false, showTips: false, scrollZoom: false, doubleClick: false };

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.spec = JSON.parse(figure.querySelector("script.spec").textContent);
      this.language = figure.dataset.language;
      this.plot = figure.querySelector(".plot");
      this.selects = [...figure.querySelectorAll(".choose select")];
      this.at = 0;
      this.selects.forEach((select, part) => {
        for (const word of new Set(this.spec.panels.map((panel) => panel.label[part]))) { select.add(new Option(word, word)); }
        select.addEventListener("change", () => this.choose(part));
      });
      for (const button of figure.querySelectorAll("button[data-do]")) {
        button.addEventListener("click", () => this[button.dataset.do](button));
      }
      if (this.plot) { this.plot.style.minHeight = this.foreseen() + "px"; }
    }

    // about the height that it will have, so that the page doesn't move under the reader
    foreseen() {
      const panel = this.spec.panels[0];
      return this.spec.kind === "lines" ? 380 : 60 + 28 * panel.labels.length;
    }

    // the panel of the words chosen; where there is none, the first that has the word chosen last
    choose(part) {
      const chosen = this.selects.map((select) => select.value), panels = this.spec.panels;
      let at = panels.findIndex((panel) => panel.label.every((word, i) => word === chosen[i]));
      if (at < 0) { at = panels.findIndex((panel) => panel.label[part] === chosen[part]); }
      this.at = at;
      this.selects.forEach((select, i) => { select.value = panels[at].label[i]; });
      if (this.drawn) { this.draw(); }
      this.showTable();
    }

    draw(across = this.plot.clientWidth) {
      if (!window.Plotly || across < 50) { return; }
      const panel = this.spec.panels[this.at];
      const made = this.spec.kind === "lines" ? drawLines(this.spec, panel, this.language, across) : drawBars(this.spec, panel, this.language, across);
      this.drawn = across;
      this.plot.style.minHeight = "";
      Plotly.react(this.plot, made.traces, made.layout, CONFIG);
      this.figure.classList.add("drawn");
    }

    // --- what the reader takes away ---

    showTable() {
      const place = this.figure.querySelector(".as-table");
      if (!place || place.hidden) { return; }
      const panel = this.spec.panels[this.at], words = settings.words[this.language];
      place.replaceChildren(tableOf((this.spec.kind === "lines" ? rowsOfLines : rowsOfBars)(panel, words, this.language)));
    }

    table(button) {
      const place = this.figure.querySelector(".as-table"), words = settings.words[this.language];
      place.hidden = !place.hidden;
      button.textContent = place.hidden ? words.table : words.hide;
      button.setAttribute("aria-expanded", String(!place.hidden));
      this.showTable();
    }

    fallBack() {
      const button = this.figure.querySelector("button[data-do=table]"), place = this.figure.querySelector(".as-table");
      if (place && place.hidden) { this.table(button); }
      if (this.plot) { this.plot.style.minHeight = ""; }
    }

    csv() {
      const text = this.spec.csv || csvOf(this.spec, settings.words[this.language]);
      // Excel knows UTF-8 by this mark
      save((/^[\x00-\x7f]*$/.test(text) ? "" : "\ufeff") + text, "text/csv;charset=utf-8", this.spec.name + ".csv");
    }

    picture() {
      library().then(() => { if (!this.drawn) { this.draw(); } return Plotly.toImage(this.plot, { format: "svg" }); }).then((address) => {
        save(decodeURIComponent(address.slice(address.indexOf(",") + 1)), "image/svg+xml", this.spec.name + ".svg");
      });
    }
  }

  // what a panel shows, as rows of text under a header
  function rowsOfLines(panel, words, language) {
    const all = panel.series.map((s) => {
      const [x, y, low, high] = [s.x, s.y, s.low, s.high].map(column);
      return new Map(x.map((v, i) => [v, y[i] === null ? "" : estimate(panel.percent, language, y[i], low && low[i], high && high[i])]));
    });
    const times = [...new Set(all.flatMap((cells) => [...cells.keys()]))].sort((a, b) => a - b);
    const head = [panel.x || words.year, ...panel.series.map((s) => s.name)];
    return [head, ...times.map((x) => [minus(String(x)), ...all.map((cells) => cells.get(x) || "")])];
  }

  function rowsOfBars(panel, words, language) {
    const [value, low, high] = [panel.value, panel.low, panel.high].map(column), noted = panel.notes.some(Boolean);
    const named = panel.titles.some(Boolean), some = (cells) => cells.filter((_, i) => (i !== 1 || named) && (i !== 3 || noted));
    return [some([words.row, words.role, panel.x, words.note]), ...panel.labels.map((label, i) => some([
      label, panel.titles[panel.roles[i]], value[i] === null ? "" : estimate(panel.percent, language, value[i], low[i], high[i]), panel.notes[i],
    ]))];
  }

  function tableOf(rows) {
    const table = document.createElement("table");
    table.className = "numbers";
    rows.forEach((cells, at) => {
      const row = (at ? table.tBodies[0] || table.createTBody() : table.createTHead()).insertRow();
      for (const text of cells) {
        const cell = at ? row.insertCell() : row.appendChild(document.createElement("th"));
        cell.textContent = text;
      }
    });
    return table;
  }

  function save(text, kind, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function csvOf(spec, words) {
    const several = spec.panels.length > 1, head = several ? [...spec.choose] : [], rows = [];
    const ends = ["low", "high", "note"];
    if (spec.kind === "lines") {
      head.push(words.series, spec.panels[0].x || words.year, words.value, ...ends.map((end) => words[end]));
      for (const panel of spec.panels) {
        for (const s of panel.series) {
          const [x, y, low, high] = [s.x, s.y, s.low, s.high].map(column);
          x.forEach((v, i) => rows.push([...(several ? panel.label : []), s.name, v, y[i], low && low[i], high && high[i], Array.isArray(s.note) ? s.note[i] : s.note]));
        }
      }
    } else {
      head.push(words.row, words.role, words.value, ...ends.map((end) => words[end]));
      for (const panel of spec.panels) {
        const [value, low, high] = [panel.value, panel.low, panel.high].map(column);
        panel.labels.forEach((label, i) => rows.push([...(several ? panel.label : []), label, panel.titles[panel.roles[i]], value[i], low[i], high[i], panel.notes[i]]));
      }
    }
    const quoted = (v) => v === null || v === undefined ? "" : /[",\r\n]/.test(v) ? '"' + String(v).replace(/"/g, '""') + '"' : String(v);
    return [head, ...rows].map((row) => row.map(quoted).join(",") + "\n").join("");
  }

  // --- all charts ---------------------------------------------------------------------------------------------------

  let unpacked = null;
  function library() {
    unpacked = unpacked || unpack(document.getElementById("plotly").textContent.trim()).then((source) => {
      const script = document.createElement("script");
      script.textContent = source;
      document.head.append(script);
    });
    return unpacked;
  }

  async function unpack(text) {
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) { bytes[i] = letters.charCodeAt(i); } // Uint8Array.from takes twenty times as long
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  const charts = [...document.querySelectorAll("figure.chart")].map((figure) => new Chart(figure));
  const drawable = charts.filter((chart) => chart.plot);
  const byPlot = new Map(drawable.map((chart) => [chart.plot, chart]));

  function watch() {
    const near = new IntersectionObserver((seen) => seen.forEach((one) => {
      const chart = byPlot.get(one.target);
      if (one.isIntersecting && !chart.drawn) { chart.draw(); }
    }), { rootMargin: "600px 0px" });
    let waiting = null;
    const resized = new ResizeObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(() => drawable.forEach((chart) => {
        if (chart.drawn && chart.plot.clientWidth && chart.drawn !== chart.plot.clientWidth && !printing) { chart.draw(); }
      }), 120);
    });
    for (const chart of drawable) { near.observe(chart.plot); resized.observe(chart.plot); }
  }

  let printing = false;
  addEventListener("beforeprint", () => {
    printing = true;
    for (const chart of drawable.filter((one) => one.plot.clientWidth)) {
      if (window.Plotly) { chart.draw(PRINTED); } else { chart.fallBack(); }
    }
  });
  addEventListener("afterprint", () => {
    printing = false;
    drawable.filter((one) => one.plot.clientWidth).forEach((chart) => chart.draw());
  });

  // The page counts as loaded when plotly.js is there: who prints it by a command gets charts. A frame that is being
  // written holds the load event back.
  const frame = document.createElement("iframe");
  frame.hidden = true;
  document.body.append(frame);
  frame.contentDocument?.open();
  library().then(watch, () => drawable.forEach((chart) => chart.fallBack())).finally(() => {
    frame.contentDocument?.close();
    frame.remove();
    document.documentElement.classList.add("ready");
  });

  // where the reader is, in the list of contents
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const passing = new IntersectionObserver((seen) => seen.forEach((one) => {
    const link = links.get(one.target.id);
    if (link) { link.classList.toggle("here", one.isIntersecting); }
  }), { rootMargin: "-30% 0px -65% 0px" });
  document.querySelectorAll("main section").forEach((section) => passing.observe(section));
})();
