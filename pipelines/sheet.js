"use strict";
(() => {
  const { data, dark, byId, colour, narrow } = ground;
  const CANDLES_SEEN = 500;
  const DAY_MS = 86400000;
  const usd = (value) =>
    (value < 0 ? "-" : "+") +
    Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const minute = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const words = (name) => name.replaceAll("_", " ");
  // plotly reads a little markup in its texts; a name from outside must stay text.
  const plain = (text) =>
    String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  function layout(more) {
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), automargin: true };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("ink"), size: narrow() ? 11 : 12, family: "system-ui, sans-serif" },
      margin: { l: 58, r: 12, t: 10, b: 34 },
      height: 280,
      showlegend: false,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
      hovermode: "closest",
      dragmode: narrow() ? false : "zoom",
    };
    const out = { ...base, ...more };
    for (const name of ["xaxis", "xaxis2", "yaxis", "yaxis2"]) {
      if (name === "xaxis" || name === "yaxis" || more[name]) out[name] = { ...axis, ...more[name] };
    }
    return out;
  }

  const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };

  function draw(name, traces, more) {
    const node = byId(`chart-${name}`);
    if (node) Plotly.react(node, traces, layout(more), CONFIG);
  }

  function equity() {
    const curve = data.curve;
    const fall = curve.drawdown_frac.map((value) => -100 * value);
    draw(
      "equity",
      [
        {
          x: curve.ts_ms, y: curve.equity_usd, type: "scatter", mode: "lines", name: "equity",
          line: { color: colour("accent"), width: 1.6 },
          hovertemplate: "%{x|%Y-%m-%d %H:%M}<br>%{y:,.2f} USD<extra></extra>",
        },
        {
          x: curve.ts_ms, y: fall, type: "scatter", mode: "lines", name: "drawdown", yaxis: "y2",
          fill: "tozeroy", line: { color: colour("loss"), width: 1 },
          hovertemplate: "%{x|%Y-%m-%d %H:%M}<br>%{y:.2f} %<extra></extra>",
        },
      ],
      {
        height: 420,
        hovermode: "x",
        xaxis: { type: "date", anchor: "y2" },
        yaxis: { domain: [0.34, 1], title: { text: "equity, USD" }, tickformat: ",.0f" },
        yaxis2: { domain: [0, 0.26], title: { text: "drawdown, %" }, rangemode: "tozero" },
        shapes: [{
          type: "line", xref: "paper", x0: 0, x1: 1, y0: data.start_usd, y1: data.start_usd,
          line: { color: colour("quiet"), width: 1, dash: "dot" },
        }],
      },
    );
  }

  function exposure() {
    const curve = data.curve;
    if (!curve.long_frac) return;
    const area = (name, values, tone) => ({
      x: curve.ts_ms, y: values, type: "scatter", mode: "lines", name,
      line: { color: colour(tone), width: 1, shape: "hv" }, fill: "tozeroy",
      hovertemplate: `%{x|%Y-%m-%d %H:%M}<br>${name} %{y:.1f} %<extra></extra>`,
    });
    draw(
      "exposure",
      [
        area("long", curve.long_frac.map((value) => 100 * value), "gain"),
        area("short", curve.short_frac.map((value) => -100 * value), "loss"),
      ],
      {
        showlegend: true,
        xaxis: { type: "date" },
        yaxis: { title: { text: "of equity, %" } },
      },
    );
  }

  function costs() {
    const split = data.costs;
    if (!split) return;
    const steps = [
      ["at decided prices", split.gross_at_mid_usd, "absolute"],
      ["fees", -split.fees_usd, "relative"],
      ["slippage, entries", -split.entry_slippage_usd, "relative"],
      ["slippage, exits", -split.exit_slippage_usd, "relative"],
      ["funding", split.funding_usd, "relative"],
      ["net", split.net_pnl_usd, "total"],
    ];
    draw(
      "costs",
      [{
        type: "waterfall", orientation: "h",
        y: steps.map((step) => step[0]), x: steps.map((step) => step[1] + 0),
        measure: steps.map((step) => step[2]),
        connector: { line: { color: colour("line"), width: 1 } },
        increasing: { marker: { color: colour("gain") } },
        decreasing: { marker: { color: colour("loss") } },
        totals: { marker: { color: colour("accent") } },
        hovertemplate: "%{y}<br>%{delta:,.2f} USD<extra></extra>",
      }],
      {
        height: 280,
        xaxis: { title: { text: "USD" }, tickformat: ",.0f" },
        yaxis: { autorange: "reversed", ticksuffix: " " },
      },
    );
  }

  function histogram(name, valueOf, unit, least = 0) {
    const won = [];
    const lost = [];
    for (const position of data.positions) {
      (position.net_usd > 0 ? won : lost).push(valueOf(position));
    }
    const all = won.concat(lost);
    const low = Math.min(...all);
    const high = Math.max(...all);
    const size = Math.max((high - low) / 40, least) || 1;
    const bars = (values, title, tone) => ({
      x: values, type: "histogram", name: title, marker: { color: colour(tone) }, opacity: 0.85,
      xbins: { start: low, end: high + size, size },
      hovertemplate: `${title}: %{y} positions<br>%{x} ${unit}<extra></extra>`,
    });
    draw(name, [bars(won, "winners", "gain"), bars(lost, "losers", "loss")], {
      barmode: "stack", height: 250, showlegend: true, bargap: 0.05,
      yaxis: { title: { text: "positions" } },
      xaxis: { title: { text: unit } },
    });
  }

  function distributions() {
    if (!data.positions || data.positions.length === 0) return;
    const ended = (position) => position.exits[position.exits.length - 1].ts_ms;
    histogram("pnl", (position) => position.net_usd, "USD");
    histogram("holding", (position) => (ended(position) - position.entry_ts_ms) / 3600000, "hours", 1);
    histogram("mae", (position) => 100 * position.mae_frac, "%");
    histogram("mfe", (position) => 100 * position.mfe_frac, "%");
  }

  const AT_CHECKS = [
    "ranging", "anomaly", "extension", "volume", "adx_not_rising", "adx_low", "btc",
  ].map((name) => `blocked_by_${name}`);

  function blocked() {
    const gates = data.gates;
    const most = (names) =>
      names.filter((name) => gates[name] > 0).sort((one, two) => gates[one] - gates[two]);
    const bars = (chart, names, total, tone, what) => {
      const share = (name) => (total > 0 ? (100 * gates[name]) / total : 0);
      const label = (name) => words(name.replace("blocked_by_", ""));
      draw(
        chart,
        [{
          type: "bar", orientation: "h",
          y: names.map(label), x: names.map((name) => gates[name]),
          text: names.map((name) => `${share(name).toFixed(1)} %`), textposition: "auto",
          marker: {
            color: names.map((name) => colour(name.startsWith("blocked") ? tone : "gain")),
          },
          hovertemplate: `%{y}: %{x:,} of ${total.toLocaleString("en-US")} ${what}<extra></extra>`,
        }],
        {
          height: Math.max(180, 60 + 28 * names.length),
          xaxis: { title: { text: `of ${total.toLocaleString("en-US")} ${what}` } },
          yaxis: { ticksuffix: " " },
        },
      );
    };
    const others = Object.keys(gates).filter(
      (name) => !AT_CHECKS.includes(name) && name !== "checks" && name !== "signals",
    );
    bars("gates", most(AT_CHECKS), gates.checks, "other", "judged bars");
    bars("signals", most(others), gates.signals, "other", "signals");
  }

  // ---- trades on candles

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const unpacked = new Map();

  function candlesOf(symbol) {
    const packed = data.candles[symbol];
    if (!packed) return null;
    if (!unpacked.has(symbol)) {
      const out = {};
      for (const name of ["open", "high", "low", "close"]) {
        out[name] = new Float32Array(bytes(packed[name]));
      }
      const at = packed.at ? new Int32Array(bytes(packed.at)) : null;
      out.ms = Array.from(out.open, (_, k) =>
        packed.first_ms + (at ? at[k] * packed.bar_ms : k * packed.step_ms));
      out.step_ms = packed.step_ms;
      unpacked.set(symbol, out);
    }
    return unpacked.get(symbol);
  }

  // The candles between two times, joined so that no more than CANDLES_SEEN are drawn.
  function joined(candles, from, to) {
    const ms = candles.ms;
    let first = ms.findIndex((at) => at >= from);
    if (first < 0) first = ms.length;
    let end = first;
    while (end < ms.length && ms[end] <= to) end += 1;
    const stride = Math.max(1, Math.ceil((end - first) / (narrow() ? 160 : CANDLES_SEEN)));
    const out = { x: [], open: [], high: [], low: [], close: [], count: stride };
    for (let k = first; k < end; k += stride) {
      const until = Math.min(k + stride, end);
      let high = -Infinity;
      let low = Infinity;
      for (let i = k; i < until; i += 1) {
        high = Math.max(high, candles.high[i]);
        low = Math.min(low, candles.low[i]);
      }
      out.x.push(ms[k]);
      out.open.push(candles.open[k]);
      out.close.push(candles.close[until - 1]);
      out.high.push(high);
      out.low.push(low);
    }
    return out;
  }

  const view = { symbol: null, at: -1, from: 0, to: 0 };
  const ofSymbol = () => data.positions.filter((position) => position.symbol === view.symbol);
  const exitMs = (position) => position.exits[position.exits.length - 1].ts_ms;

  function markers(positions) {
    const mark = (name, symbol, tone, points) => ({
      type: "scatter", mode: "markers", name,
      x: points.map((point) => point[0]), y: points.map((point) => point[1]),
      text: points.map((point) => point[2]),
      hovertemplate: "%{text}<extra></extra>",
      marker: {
        symbol, size: 10, color: colour(tone), line: { color: colour("card"), width: 1 },
      },
    });
    const entry = (position) => [
      position.entry_ts_ms, position.entry_px,
      `${position.side} ${position.size} at ${position.entry_px} (${words(position.mode)})<br>` +
        `${minute(position.entry_ts_ms)}, ${position.adds} adds`,
    ];
    const exits = (position) => position.exits.map((each) => [
      each.ts_ms, each.px,
      `${words(each.reason)}: ${each.size} at ${each.px}<br>${minute(each.ts_ms)}<br>` +
        `position net ${usd(position.net_usd)} USD`,
    ]);
    const side = (name) => positions.filter((position) => position.side === name).map(entry);
    const won = positions.filter((position) => position.net_usd > 0);
    const lost = positions.filter((position) => position.net_usd <= 0);
    return [
      mark("long entry", "triangle-up", "accent", side("long")),
      mark("short entry", "triangle-down", "other", side("short")),
      mark("exit, won", "x", "gain", won.flatMap(exits)),
      mark("exit, lost", "x", "loss", lost.flatMap(exits)),
    ].filter((trace) => trace.x.length > 0);
  }

  function levels(positions) {
    const line = (name, tone, dash, keys) => {
      const x = [];
      const y = [];
      for (const position of positions) {
        for (const key of keys) {
          if (position[key] === null || position[key] <= 0) continue;
          x.push(position.entry_ts_ms, exitMs(position), null);
          y.push(position[key], position[key], null);
        }
      }
      return {
        type: "scatter", mode: "lines", name, x, y,
        line: { color: colour(tone), width: 1.4, dash },
        hovertemplate: `${name} %{y}<extra></extra>`,
      };
    };
    const held = {
      type: "scatter", mode: "lines", name: "held", hoverinfo: "skip", showlegend: false,
      x: positions.flatMap((p) => [p.entry_ts_ms, exitMs(p), null]),
      y: positions.flatMap((p) => [p.entry_px, p.exits[p.exits.length - 1].px, null]),
      line: { color: colour("quiet"), width: 1, dash: "dot" },
    };
    return [
      held,
      line("stop", "loss", "dash", ["stop_px"]),
      line("target", "gain", "dash", ["target_px", "first_target_px"]),
    ];
  }

  function candles() {
    const node = byId("chart-candles");
    if (!node) return;
    const bars = candlesOf(view.symbol);
    const inside = ofSymbol().filter(
      (position) => exitMs(position) >= view.from && position.entry_ts_ms <= view.to,
    );
    const traces = [];
    let low = Infinity;
    let high = -Infinity;
    if (bars) {
      const shown = joined(bars, view.from, view.to);
      low = Math.min(...shown.low);
      high = Math.max(...shown.high);
      traces.push({
        type: "candlestick", name: `${plain(view.symbol)}`, showlegend: false,
        x: shown.x, open: shown.open, high: shown.high, low: shown.low, close: shown.close,
        increasing: { line: { color: colour("gain"), width: 1 } },
        decreasing: { line: { color: colour("loss"), width: 1 } },
        opacity: 0.75,
      });
    }
    traces.push(...levels(inside), ...markers(inside));
    const few = inside.length <= 12;
    for (const position of inside) {
      const seen = few ? [position.stop_px, position.target_px, position.first_target_px] : [];
      for (const px of [position.entry_px, ...seen, ...position.exits.map((each) => each.px)]) {
        if (px > 0) {
          low = Math.min(low, px);
          high = Math.max(high, px);
        }
      }
    }
    const pad = (high - low) * 0.04 || 1;
    draw("candles", traces, {
      height: narrow() ? 420 : 520,
      showlegend: true,
      xaxis: { type: "date", range: [view.from, view.to], rangeslider: { visible: false } },
      yaxis: { title: { text: "USD" }, range: [low - pad, high + pad] },
    });
    if (!node.dataset.listens) {
      node.dataset.listens = "yes";
      node.on("plotly_relayout", zoomed);
    }
  }

  function zoomed(change) {
    if (change["xaxis.autorange"]) {
      wholeRange();
    } else if (change["xaxis.range[0]"] !== undefined) {
      const read = (at) => (typeof at === "number" ? at : Date.parse(`${at.replace(" ", "T")}Z`));
      view.from = read(change["xaxis.range[0]"]);
      view.to = read(change["xaxis.range[1]"]);
    } else {
      return;
    }
    candles();
  }

  function wholeRange() {
    const bars = candlesOf(view.symbol);
    const positions = ofSymbol();
    view.at = -1;
    if (bars) {
      view.from = bars.ms[0];
      view.to = bars.ms[bars.ms.length - 1] + bars.step_ms;
    } else if (positions.length > 0) {
      view.from = positions[0].entry_ts_ms - DAY_MS;
      view.to = Math.max(...positions.map(exitMs)) + DAY_MS;
    }
  }

  function said() {
    const positions = ofSymbol();
    const bars = candlesOf(view.symbol);
    let text = `${positions.length.toLocaleString("en-US")} positions in ${view.symbol}`;
    if (view.at >= 0) {
      const position = positions[view.at];
      const last = position.exits[position.exits.length - 1];
      text = `Position ${view.at + 1} of ${positions.length}: ${position.side}, entered ` +
        `${minute(position.entry_ts_ms)} at ${position.entry_px}, left ${minute(last.ts_ms)} at ` +
        `${last.px} by ${words(last.reason)}, net ${usd(position.net_usd)} USD`;
    }
    if (!bars) text += ". Its candles were left out to keep this file small.";
    byId("position").textContent = text;
    byId("before").disabled = positions.length === 0 || view.at === 0;
    byId("after").disabled = positions.length === 0 || view.at === positions.length - 1;
  }

  function goTo(at) {
    const positions = ofSymbol();
    view.at = Math.max(0, Math.min(at, positions.length - 1));
    const position = positions[view.at];
    const bars = candlesOf(view.symbol);
    const held = exitMs(position) - position.entry_ts_ms;
    const around = Math.max(held, 40 * (bars ? bars.step_ms : 3600000));
    view.from = position.entry_ts_ms - around;
    view.to = exitMs(position) + around;
    if (bars) view.to = Math.min(view.to, bars.ms[bars.ms.length - 1] + 5 * bars.step_ms);
    said();
    candles();
  }

  function choose(symbol) {
    view.symbol = symbol;
    wholeRange();
    said();
    candles();
  }

  function trades() {
    const select = byId("symbol");
    if (!select) return;
    for (const symbol of data.symbols) {
      const option = document.createElement("option");
      const count = data.positions.filter((position) => position.symbol === symbol).length;
      option.value = symbol;
      option.textContent = `${symbol} (${count})`;
      select.append(option);
    }
    if (data.symbols.length === 0) {
      byId("position").textContent = "No position was opened.";
      for (const name of ["symbol", "before", "after", "whole"]) byId(name).disabled = true;
      return;
    }
    select.addEventListener("change", () => choose(select.value));
    byId("before").addEventListener("click", () => {
      goTo(view.at < 0 ? ofSymbol().length - 1 : view.at - 1);
    });
    byId("after").addEventListener("click", () => goTo(view.at + 1));
    byId("whole").addEventListener("click", () => choose(view.symbol));
    view.symbol = data.symbols[0];
    // The last position first: its stop and target can be told apart there.
    goTo(ofSymbol().length - 1);
  }

  function all() {
    equity();
    exposure();
    costs();
    distributions();
    blocked();
    if (view.symbol) candles();
  }

  all();
  trades();
  dark.addEventListener("change", all);
})();
