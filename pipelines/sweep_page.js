"use strict";
(() => {
  const { data, dark, byId, colour, narrow } = ground;
  const leaf = (path) => path.slice(path.lastIndexOf(".") + 1);
  const count = (value) => value.toLocaleString("en-US");
  const figure = (value) => {
    if (value === null) return "-";
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  };

  // An element of a drawing. The parser knows the namespace of one, so that no address stands here.
  const parsed = document.createElement("template");
  parsed.innerHTML = "<svg></svg>";
  const NAMESPACE = parsed.content.firstChild.namespaceURI;
  function drawn(tag, attributes = {}, text = null) {
    const node = document.createElementNS(NAMESPACE, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== null) node.textContent = text;
    return node;
  }
  function made(tag, attributes = {}, text = null) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== null) node.textContent = text;
    return node;
  }

  // Round numbers from low to high, about as many as wanted.
  function ticks(low, high, wanted) {
    if (!(high > low)) return [low];
    const rough = (high - low) / Math.max(wanted, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough);
    const out = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
      out.push(Number((k * step).toPrecision(12)));
    }
    return out;
  }

  // Colours from low to high that are told apart on light and on dark pages, and without red and
  // green: lightness rises all the way.
  const STOPS = [[63, 60, 138], [45, 112, 158], [44, 157, 138], [127, 199, 94], [247, 216, 74]];
  function shade(share) {
    const at = Math.max(0, Math.min(share, 1)) * (STOPS.length - 1);
    const k = Math.min(Math.floor(at), STOPS.length - 2);
    return STOPS[k].map((low, c) => Math.round(low + (at - k) * (STOPS[k + 1][c] - low)));
  }
  const rgb = (parts) => `rgb(${parts.join(",")})`;
  const share = (value, low, high) => (high > low ? (value - low) / (high - low) : 1);

  // ---- distribution

  function distribution(number, chart) {
    const node = byId(`chart-distribution-${number}`);
    if (!node) return;
    node.replaceChildren();
    const width = node.clientWidth;
    const height = 280;
    const pad = { left: 48, right: 14, top: 10, bottom: 42 };
    const low = chart.edges[0];
    const high = chart.edges[chart.edges.length - 1];
    const most = 1.05 * Math.max(...chart.counts);
    const x = (value) =>
      pad.left + Math.max(0, Math.min(share(value, low, high), 1)) * (width - pad.left - pad.right);
    const y = (value) => height - pad.bottom - (value / most) * (height - pad.top - pad.bottom);
    const svg = drawn("svg", { width, height, role: "img", "aria-label": chart.title });
    for (const value of ticks(0, most, 4).filter(Number.isInteger)) {
      svg.append(drawn("line", {
        class: "grid", x1: pad.left, x2: width - pad.right, y1: y(value), y2: y(value),
      }));
      svg.append(drawn("text", {
        class: "quiet-text", x: pad.left - 6, y: y(value) + 4, "text-anchor": "end",
      }, count(value)));
    }
    chart.counts.forEach((rows, k) => {
      const from = x(chart.edges[k]);
      const bar = drawn("rect", {
        x: from + 0.5, width: Math.max(x(chart.edges[k + 1]) - from - 1, 0.5),
        y: y(rows), height: y(0) - y(rows), fill: colour("accent"), "fill-opacity": 0.75,
      });
      bar.append(drawn("title", {},
        `${figure(chart.edges[k])} to ${figure(chart.edges[k + 1])}: ${count(rows)} rows`));
      svg.append(bar);
    });
    for (const value of ticks(low, high, narrow() ? 4 : 8)) {
      svg.append(drawn("text", {
        class: "quiet-text", x: x(value), y: height - pad.bottom + 16, "text-anchor": "middle",
      }, figure(value)));
    }
    svg.append(drawn("text", {
      x: (pad.left + width - pad.right) / 2, y: height - 8, "text-anchor": "middle",
    }, chart.title));
    const keys = made("div", { class: "keys" });
    for (const line of chart.lines) {
      svg.append(drawn("line", {
        x1: x(line.value), x2: x(line.value), y1: pad.top, y2: y(0), stroke: colour(line.tone),
        "stroke-width": 2, "stroke-dasharray": line.name === "best from chance" ? "6 4" : "none",
      }));
      const key = made("span");
      const mark = made("i");
      mark.style.borderColor = colour(line.tone);
      if (line.name === "best from chance") mark.style.borderTopStyle = "dashed";
      const outside = line.value > high || line.value < low ? ", beyond the edge" : "";
      key.append(mark, `${line.name} ${figure(line.value)}${outside}`);
      keys.append(key);
    }
    if (chart.joined > 0) {
      keys.append(made("span", { class: "quiet" },
        `${count(chart.joined)} rows beyond the edges are counted in the outermost bars`));
    }
    node.append(svg, keys);
  }

  // ---- all axes at once

  const FEW_LEVELS = 26;
  const HOLD_PX = 30;
  const lines = { columns: [], kept: new Map(), seen: -1 };

  const FAN = 0.55;

  // Where an axis puts each drawn row, from 0 below to 1 above, and what stands beside it.
  // `level` is the place of the row's value; `at` that of its line: rows of one value are fanned out
  // in the order of the objective, since they would cover each other.
  function placed(axis) {
    if (axis.labels) {
      const levels = axis.labels.length;
      const level = axis.at.map((k) => (k + 0.5) / levels);
      const rows = axis.at.length;
      return {
        path: axis.path, level,
        marks: axis.labels.map((text, k) => [(k + 0.5) / levels, text]),
        at: level.map((place, row) => place + (FAN * ((row + 0.5) / rows - 0.5)) / levels),
        text: (row) => axis.labels[axis.at[row]],
      };
    }
    const known = axis.numbers.filter((value) => value !== null);
    const low = known.reduce((one, other) => Math.min(one, other), Infinity);
    const high = known.reduce((one, other) => Math.max(one, other), -Infinity);
    const missing = known.length < axis.numbers.length;
    const floor = missing ? 0.08 : 0;
    const middle = [...known].sort((one, other) => one - other)[known.length >> 1];
    const isLog = low > 0 && high / low >= 50 && middle < (low + high) / 4;
    const scaled = (value) => (isLog ? Math.log(value) : value);
    const at = (value) =>
      (value === null ? 0 : floor + (1 - floor) * share(scaled(value), scaled(low), scaled(high)));
    const shown = isLog
      ? [1, 2, 5].flatMap((k) => Array.from({ length: 25 }, (_, p) => k * 10 ** (p - 12)))
        .filter((value) => value >= low && value <= high)
      : ticks(low, high, 6);
    const marks = shown.map((value) => [at(value), figure(value)]);
    if (missing) marks.push([0, axis.missing]);
    const level = axis.numbers.map(at);
    return {
      path: axis.path, marks, level, at: level,
      text: (row) => (axis.numbers[row] === null ? axis.missing : figure(axis.numbers[row])),
    };
  }

  function objectiveColumn(parallel) {
    const [low, high] = span(parallel.value);
    const level = parallel.value.map((value) => share(value, low, high));
    return {
      path: data.objective, marks: ticks(low, high, 6).map((v) => [share(v, low, high), figure(v)]),
      level, at: level,
      text: (row) => figure(parallel.value[row]),
    };
  }

  function span(values) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return [low, high];
  }

  // A parameter's name on as many lines as it needs, broken at its underscores.
  function wrapped(name, letters) {
    const out = [""];
    for (const word of name.split(/(?<=_)/)) {
      if (out[out.length - 1] && out[out.length - 1].length + word.length > letters) out.push("");
      out[out.length - 1] += word;
    }
    return out;
  }

  const PAD = { left: 70, right: 40, top: 64, bottom: 14 };
  const HEIGHT = 440;
  const yOf = (place) => HEIGHT - PAD.bottom - place * (HEIGHT - PAD.top - PAD.bottom);

  function parallel() {
    const node = byId("chart-parallel");
    if (!node) return;
    const columns = lines.columns;
    const room = node.parentElement.clientWidth;
    const width = Math.max(room, PAD.left + PAD.right + (columns.length - 1) * (narrow() ? 96 : 78));
    const step = (width - PAD.left - PAD.right) / (columns.length - 1);
    columns.forEach((column, k) => { column.x = PAD.left + k * step; });
    node.style.width = `${width}px`;
    node.style.height = `${HEIGHT}px`;
    const canvas = node.querySelector("canvas");
    const ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${HEIGHT}px`;
    node.querySelector("svg")?.remove();
    const svg = drawn("svg", { width, height: HEIGHT });
    for (const column of columns) axisOf(svg, column, step);
    svg.addEventListener("pointermove", (event) => pointed(event, svg));
    svg.addEventListener("pointerdown", (event) => pointed(event, svg));
    svg.addEventListener("pointerleave", () => { lines.seen = -1; strokes(); });
    node.append(svg);
    strokes();
  }

  function axisOf(svg, column, step) {
    const x = column.x;
    const name = leaf(column.path);
    const parts = wrapped(name, Math.max(8, Math.floor(step / 6.6)));
    parts.forEach((part, k) => {
      const at = PAD.top - 14 - 13 * (parts.length - 1 - k);
      svg.append(drawn("text", { x, y: at, "text-anchor": "middle", class: "halo" }, part));
    });
    svg.append(drawn("line", { class: "axis", x1: x, x2: x, y1: yOf(0), y2: yOf(1) }));
    const stride = Math.ceil(column.marks.length / FEW_LEVELS);
    column.marks.forEach(([place, text], k) => {
      if (k % stride) return;
      svg.append(drawn("text", {
        x: x - 6, y: yOf(place) + 4, "text-anchor": "end", class: "halo",
      }, text));
    });
    const kept = lines.kept.get(column.path);
    const brush = drawn("rect", { class: "brush", x: x - 7, width: 14, y: 0, height: 0 });
    const show = (range) => {
      brush.setAttribute("y", range ? yOf(range[1]) : 0);
      brush.setAttribute("height", range ? Math.max(yOf(range[0]) - yOf(range[1]), 1) : 0);
    };
    show(kept);
    const hold = drawn("rect", {
      class: "hold", x: x - HOLD_PX / 2, width: HOLD_PX, y: PAD.top - 10,
      height: HEIGHT - PAD.top - PAD.bottom + 20,
    });
    hold.append(drawn("title", {}, `${column.path}: drag to keep a range, click to let it go`));
    const placeAt = (event) => {
      const y = event.clientY - svg.getBoundingClientRect().top;
      return (HEIGHT - PAD.bottom - y) / (HEIGHT - PAD.top - PAD.bottom);
    };
    let from = null;
    hold.addEventListener("pointerdown", (event) => {
      from = placeAt(event);
      hold.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    hold.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = placeAt(event);
      if (Math.abs(to - from) < 0.01) lines.kept.delete(column.path);
      else lines.kept.set(column.path, [Math.min(from, to), Math.max(from, to)]);
      show(lines.kept.get(column.path));
      strokes();
    });
    hold.addEventListener("pointerup", (event) => {
      if (from !== null && Math.abs(placeAt(event) - from) < 0.01) {
        lines.kept.delete(column.path);
        show(undefined);
        strokes();
      }
      from = null;
    });
    hold.addEventListener("pointercancel", () => { from = null; });
    svg.append(brush, hold);
  }

  const isKept = (row) => lines.columns.every((column) => {
    const range = lines.kept.get(column.path);
    return !range || (column.level[row] >= range[0] && column.level[row] <= range[1]);
  });

  function strokes() {
    const { row, value } = data.parallel;
    const context = byId("chart-parallel").querySelector("canvas").getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    const path = (k) => {
      context.beginPath();
      for (const column of lines.columns) context.lineTo(column.x, yOf(column.at[k]));
      context.stroke();
    };
    const [low, high] = span(value);
    const kept = [];
    context.lineWidth = 1;
    context.globalAlpha = 0.25;
    context.strokeStyle = colour("line");
    for (let k = 0; k < row.length; k += 1) {
      if (isKept(k)) kept.push(k);
      else path(k);
    }
    context.globalAlpha = Math.max(0.2, Math.min(0.9, 300 / Math.max(kept.length, 1)));
    context.lineWidth = kept.length < 200 ? 1.6 : 1.1;
    for (const k of kept) {
      context.strokeStyle = rgb(shade(share(value[k], low, high)));
      path(k);
    }
    if (lines.seen >= 0) {
      context.globalAlpha = 1;
      context.lineWidth = 3;
      context.strokeStyle = colour("ink");
      path(lines.seen);
    }
    say(kept);
  }

  function say(kept) {
    const { row, value } = data.parallel;
    const described = (k) => `row ${count(row[k])}, ${data.objective} ${figure(value[k])}: ` +
      lines.columns.slice(0, -1).map((column) => `${leaf(column.path)} ${column.text(k)}`)
        .join(", ");
    let text = `${count(kept.length)} of ${count(row.length)} drawn rows`;
    if (kept.length > 0) text += `, the best is ${described(kept[kept.length - 1])}`;
    byId("chosen").textContent = lines.seen >= 0 ? described(lines.seen) : text;
    byId("all-rows").disabled = lines.kept.size === 0;
  }

  const NEAR_PX = 7;

  // The line next to the pointer, among those that are kept; the best one of several.
  function pointed(event, svg) {
    const box = svg.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const columns = lines.columns;
    const k = columns.findLastIndex((column) => column.x <= x);
    let found = -1;
    if (k >= 0 && k < columns.length - 1 && event.buttons === 0) {
      const part = (x - columns[k].x) / (columns[k + 1].x - columns[k].x);
      let nearest = NEAR_PX;
      for (let row = 0; row < data.parallel.row.length; row += 1) {
        const place = columns[k].at[row] + part * (columns[k + 1].at[row] - columns[k].at[row]);
        const gap = Math.abs(yOf(place) - y);
        if (gap <= nearest && isKept(row)) {
          nearest = gap;
          found = row;
        }
      }
    }
    if (found !== lines.seen) {
      lines.seen = found;
      strokes();
    }
  }

  // ---- two axes at a time

  const heat = { down: 0, across: 1 };
  const WIDE_COLUMNS = 9;

  // The cells of the chosen pair: `at(i, j)` is the place of level i down and level j across.
  function chosenPair() {
    const { down, across } = heat;
    const [one, other] = [Math.min(down, across), Math.max(down, across)];
    const pair = data.heatmap.pairs.find((each) => each.down === one && each.across === other);
    const columns = data.heatmap.axes[other].labels.length;
    return { pair, at: (i, j) => (down === one ? i * columns + j : j * columns + i) };
  }

  function heatmap(name, title) {
    const { pair, at } = chosenPair();
    const down = data.heatmap.axes[heat.down];
    const across = data.heatmap.axes[heat.across];
    const [low, high] = span(pair[name]);
    const table = made("table", { class: "heat" });
    const top = made("tr");
    top.append(made("th"));
    top.append(made("th", { class: "name", colspan: across.labels.length }, leaf(across.path)));
    const head = made("tr");
    head.append(made("th", { class: "name" }, leaf(down.path)));
    for (const label of across.labels) head.append(made("th", { scope: "col" }, label));
    const thead = made("thead");
    thead.append(top, head);
    const rows = made("tbody");
    down.labels.forEach((label, i) => {
      const line = made("tr");
      line.append(made("th", { scope: "row" }, label));
      across.labels.forEach((other, j) => {
        const cell = made("td");
        const k = at(i, j);
        const value = pair[name][k];
        if (value !== null) {
          const parts = shade(share(value, low, high));
          const light = 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2];
          cell.textContent = figure(value);
          cell.style.background = rgb(parts);
          cell.style.color = light > 140 ? "#14171a" : "#ffffff";
          cell.title = `${leaf(down.path)} ${label}, ${leaf(across.path)} ${other}: ` +
            `${title} ${figure(value)} of ${count(pair.count[k])} rows`;
        }
        line.append(cell);
      });
      rows.append(line);
    });
    table.append(thead, rows);
    const scale = made("p", { class: "quiet" });
    const bar = made("span", { class: "scale" });
    bar.style.background = `linear-gradient(90deg, ${STOPS.map(rgb).join(", ")})`;
    scale.append(figure(low), bar, figure(high));
    byId(`heat-${name}`).replaceChildren(table, scale);
  }

  function heatmaps() {
    if (!data.heatmap) return;
    const across = data.heatmap.axes[heat.across].labels;
    const letters = across.reduce((sum, label) => sum + Math.max(label.length, 5), 0);
    byId("heat").classList.toggle("tall", across.length > WIDE_COLUMNS || letters > 60);
    byId("down").value = heat.down;
    byId("across").value = heat.across;
    heatmap("median", "median");
    heatmap("best", "best");
  }

  function choosers() {
    if (!data.heatmap) return;
    for (const [name, other] of [["down", "across"], ["across", "down"]]) {
      const select = byId(name);
      data.heatmap.axes.forEach((axis, k) => {
        select.append(made("option", { value: k }, leaf(axis.path)));
      });
      select.addEventListener("change", () => {
        const chosen = Number(select.value);
        if (chosen === heat[other]) heat[other] = heat[name];
        heat[name] = chosen;
        heatmaps();
      });
    }
  }

  function all() {
    data.distributions.forEach((chart, number) => distribution(number, chart));
    parallel();
    heatmaps();
  }

  if (data.parallel && byId("chart-parallel")) {
    lines.columns = [...data.parallel.axes.map(placed), objectiveColumn(data.parallel)];
    byId("all-rows").addEventListener("click", () => {
      lines.kept.clear();
      parallel();
    });
  }
  choosers();
  all();
  // On a narrow screen the objective and the axes next to it are seen first.
  const wide = byId("chart-parallel")?.parentElement;
  if (wide) wide.scrollLeft = wide.scrollWidth;
  let drawnWidth = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === drawnWidth) return; // a phone's bar that slides away
    drawnWidth = window.innerWidth;
    all();
  });
  dark.addEventListener("change", all);
})();
