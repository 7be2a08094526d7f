"use strict";
// Draws the charts over the tables that are there without it. Vega evaluates no code (`ast`), which the policy forbids.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const tip = document.getElementById("tip");
  const told = document.getElementById("told");
  const small = matchMedia("(max-width: 640px)");
  const parameters = {};
  const views = {};

  const style = getComputedStyle(document.body);
  const config = {
    font: style.fontFamily,
    background: "transparent",
    view: { stroke: "transparent" },
    axis: {
      labelColor: "var(--quiet)", labelFontSize: 11, gridColor: "var(--line)", domainColor: "var(--line)",
      tickColor: "var(--line)", labelFont: style.fontFamily,
    },
    axisY: { labelColor: "var(--ink)" },
    text: { font: style.fontFamily },
  };

  // ---- what is pointed at

  function show(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(x + 12, wide - box.width - 8));
    const below = y + 16 + box.height < innerHeight;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(below ? y + 16 : y - box.height - 12) + scrollY}px`;
  }

  function hide() {
    tip.hidden = true;
  }

  function tooltip(_handler, event, _item, value) {
    if (value) show(String(value), event.clientX, event.clientY);
    else hide();
  }

  // ---- keys

  function marks(place) {
    return [...place.querySelectorAll("svg path")].filter((mark) => mark.__data__?.tooltip);
  }

  function key(event) {
    const place = event.currentTarget;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") return leave(place);
    if (!step) return;
    event.preventDefault();
    const found = marks(place);
    if (!found.length) return;
    const last = found.findIndex((mark) => mark.classList.contains("current"));
    const next = last < 0 ? (step > 0 ? 0 : found.length - 1) : (last + step + found.length) % found.length;
    found[last]?.classList.remove("current");
    const mark = found[next];
    mark.classList.add("current");
    mark.scrollIntoView({ block: "nearest" });
    const box = mark.getBoundingClientRect();
    told.textContent = mark.__data__.tooltip;
    show(mark.__data__.tooltip, Math.min(box.right, box.left + 80), box.top + box.height / 2);
  }

  function leave(place) {
    marks(place).forEach((mark) => mark.classList.remove("current"));
    hide();
  }

  // ---- drawing

  async function draw(name) {
    const place = document.getElementById(name);
    if (!place) return;
    const { rows, wide, narrow } = charts[name];
    const spec = structuredClone((small.matches && narrow) || wide);
    place.hidden = false;
    const chosen = {};
    for (const one of spec.params || spec.signals || []) {
      one.value = chosen[one.name] = parameters[name]?.[one.name] ?? one.value;
    }
    spec.width = place.clientWidth;
    if (spec.autosize === "none") {
      spec.height = rows.filter((row) => row[chosen.which]).length < 15 ? 240 : Math.max(360, Math.min(520, Math.round(spec.width * 0.5)));
      spec.data[0].values = structuredClone(rows);
    } else {
      spec.data.values = structuredClone(rows);
    }
    if (spec.height.step) {
      const shown = rows.filter((row) => !chosen.platform || row.platform === chosen.platform);
      spec.height = spec.height.step * new Set(shown.map((row) => row[spec.encoding.y.field])).size;
    }
    views[name]?.finalize();
    const made = await vegaEmbed(place, spec, {
      ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip, config,
      mode: spec.autosize === "none" ? "vega" : "vega-lite",
    });
    views[name] = made;
    place.querySelector("svg")?.setAttribute("aria-hidden", "true");
  }

  async function drawAll() {
    for (const name of Object.keys(charts)) await draw(name);
    document.documentElement.dataset.drawn = "yes";
  }

  async function choose(names, parameter, value) {
    for (const name of names) {
      parameters[name] = { ...parameters[name], [parameter]: value };
      await draw(name);
    }
  }

  // ---- the page

  function branches() {
    const place = document.getElementById("branches");
    const first = charts["runs-time"];
    if (!place || !first) return;
    const { domain, range } = first.wide.encoding.color.scale;
    if (domain.length < 2) return;
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.append("branch ", select);
    for (const [value, words] of [["", "all"], ...domain.map((name) => [name, name])]) {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = words;
      select.append(option);
    }
    select.dataset.chart = Object.keys(charts).filter((name) => name.startsWith("runs-")).join(" ");
    select.dataset.parameter = "branch";
    const legend = document.createElement("span");
    legend.className = "legend";
    const signs = { circle: "●", square: "■", "triangle-up": "▲", diamond: "◆", cross: "✚", "triangle-down": "▼", stroke: "▬" };
    const shapes = Object.values(signs);
    domain.forEach((name, at) => {
      const item = document.createElement("span");
      const sign = document.createElement("span");
      sign.textContent = shapes[at];
      sign.style.color = range[at];
      item.append(sign, ` ${name}`);
      legend.append(item);
    });
    place.append(label, legend);
    place.hidden = false;
  }

  branches();
  for (const one of document.querySelectorAll(".control")) one.hidden = one.id === "branches" && !one.childElementCount;
  for (const one of document.querySelectorAll("select[data-chart]")) {
    one.addEventListener("change", () => choose(one.dataset.chart.split(" "), one.dataset.parameter, one.value));
  }
  for (const one of document.querySelectorAll(".chart")) {
    one.addEventListener("keydown", key);
    one.addEventListener("blur", () => leave(one));
  }
  for (const one of document.querySelectorAll("details.behind")) one.open = false;

  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  drawAll();
})();
