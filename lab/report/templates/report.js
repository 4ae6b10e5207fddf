// Filters, sorted tables, the theme and live charts. Without it the report is whole: it only takes away and adds.
"use strict";
(() => {
  const KINDS = ["stack", "scenario", "load", "metric"];
  const THEMES = { "": "as the system", light: "light", dark: "dark" };
  const form = document.getElementById("filter");
  const root = document.documentElement;

  // The state is the part of the address behind #, as name=value; an address with a plain name leads to a section.
  const read = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const chosen = (state, kind) => (state.get(kind) || "").split(" ").filter(Boolean);
  const write = (state) => {
    for (const [name, value] of [...state]) if (!value) state.delete(name);
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
    apply();
  };

  // A part is shown if for each kind that it depends on one of its values is chosen, or nothing is.
  const fits = (part, choices) =>
    KINDS.every((kind) => {
      const own = part.dataset[kind];
      return own === undefined || !choices[kind].length || own.split(" ").some((value) => choices[kind].includes(value));
    });

  function filter(choices) {
    const any = KINDS.some((kind) => choices[kind].length);
    for (const part of document.querySelectorAll("main [data-stack], main [data-scenario], main [data-load], main [data-metric], header [data-stack], header [data-scenario], header [data-load], header [data-metric]"))
      if (part.tagName !== "TH") part.hidden = !fits(part, choices);
    for (const table of document.querySelectorAll("table")) {
      const heads = [...table.tHead.rows[0].cells];
      const gone = heads.map((head) => !fits(head, choices));
      if (!gone.some(Boolean) && !table.dataset.narrowed) continue;
      table.dataset.narrowed = gone.some(Boolean) ? "yes" : "";
      for (const row of table.rows)
        if (row.cells.length === heads.length) gone.forEach((hide, place) => (row.cells[place].hidden = hide));
    }
    for (const table of document.querySelectorAll("table")) {
      const rows = [...table.tBodies[0].rows];
      const place = table.closest(".scroll");
      const empty = rows.length > 0 && rows.every((row) => row.hidden);
      place.classList.toggle("empty", empty);
      for (let above = place.previousElementSibling; above?.matches("h3, .key"); above = above.previousElementSibling) above.hidden = empty;
    }
    form.querySelector("[type=reset]").hidden = !any;
    for (const box of form.querySelectorAll("input")) box.checked = choices[box.name].includes(box.value);
    for (const mark of form.querySelectorAll("[data-chosen]")) {
      const count = choices[mark.dataset.chosen].length;
      mark.textContent = count ? `: ${count}` : "";
    }
  }

  function sortTable(table, place, descending) {
    const key = (row) => {
      const cell = row.cells[place];
      if (!cell) return null;
      return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.innerText.trim();
    };
    const number = (text) => (typeof text === "number" ? text : parseFloat(String(text).replaceAll(",", "")));
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    const numeric = rows.some(([value]) => !Number.isNaN(number(value)));
    rows.sort(([a], [b]) => {
      if (numeric) {
        const [x, y] = [number(a), number(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // what has no number comes last
        return descending ? y - x : x - y;
      }
      return String(a).localeCompare(String(b)) * (descending ? -1 : 1);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[place].setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  const tables = [...document.querySelectorAll("table[data-sortable]")];
  tables.forEach((table, number) => {
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      if (head.dataset.meaning) button.title = head.dataset.meaning;
      head.append(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") !== "descending";
        const state = read();
        state.set("sort", `${number} ${place} ${descending ? "down" : "up"}`);
        write(state);
      });
    });
  });

  // Charts: the drawn picture is replaced by a live one when it comes into view, and whenever the choice of stacks changes.
  const parsed = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");
  const definitions = parsed("charts");
  const look = parsed("look");
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  let stacks = [];
  // Rows come column by column, repeated texts as their places in a list; what has no value is left out of its row.
  const whole = (columns) => {
    const values = Object.entries(columns).map(([name, column]) => [name, column.texts ? column.places.map((place) => column.texts[place]) : column]);
    return values[0][1].map((_, place) =>
      Object.fromEntries(values.map(([name, column]) => [name, column[place]]).filter(([, value]) => value !== null)),
    );
  };
  const expanded = (part) => {
    if (Array.isArray(part)) return part.map(expanded);
    if (!part || typeof part !== "object") return part;
    if (part.columns && typeof part.columns === "object") {
      const rows = whole(part.columns);
      return { values: stacks.length ? rows.filter((row) => row.stack === undefined || stacks.includes(row.stack)) : rows };
    }
    return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, expanded(value)]));
  };
  const specification = (figure) => ({ ...expanded(definitions[figure.dataset.chart]), config: look });
  function draw(figure) {
    const wanted = stacks.join(" ");
    if (figure.dataset.drawn === wanted) return;
    figure.dataset.drawn = wanted;
    const place = figure.querySelector(".drawing");
    const actions = { export: true, source: false, compiled: false, editor: false };
    vegaEmbed(place, specification(figure), { renderer: "svg", actions }).then(() => {
      const label = figure.querySelector("figcaption").textContent;
      const drawing = place.querySelector("svg.marks");
      drawing.setAttribute("role", "img");
      drawing.setAttribute("aria-label", `${label}; the table has the numbers`);
      for (const part of drawing.querySelectorAll("[role]")) part.removeAttribute("role");
      place.querySelector("summary").setAttribute("aria-label", `Save the chart: ${label}`);
    });
  }
  const visible = new Set();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target), draw(target);
        else visible.delete(target);
      }
    },
    { rootMargin: "200px" },
  );
  if (window.vegaEmbed) figures.forEach((figure) => watcher.observe(figure));
  // A printer does not scroll, so the others are drawn when there is nothing else to do, except inside closed details.
  const open = (figure) => !figure.closest("details:not([open])");
  const rest = (deadline) => {
    for (const figure of figures) {
      if (deadline.timeRemaining() < 5) return requestIdleCallback(rest);
      if (figure.dataset.drawn === undefined && open(figure)) draw(figure);
    }
  };
  if (window.vegaEmbed && window.requestIdleCallback) requestIdleCallback(rest);

  function apply() {
    const state = read();
    const choices = Object.fromEntries(KINDS.map((kind) => [kind, chosen(state, kind)]));
    filter(choices);
    stacks = choices.stack;
    visible.forEach(draw);
    if (state.get("sort")) {
      const [number, place, way] = state.get("sort").split(" ");
      if (tables[number]?.tHead.rows[0].cells[place]) sortTable(tables[number], Number(place), way === "down");
    }
    const theme = state.get("theme") in THEMES ? state.get("theme") : "";
    root.dataset.theme = theme;
    document.getElementById("theme").textContent = `Theme: ${THEMES[theme]}`;
  }

  form.addEventListener("change", () => {
    const state = read();
    for (const kind of KINDS)
      state.set(kind, [...form.querySelectorAll(`input[name=${kind}]:checked`)].map((box) => box.value).join(" "));
    write(state);
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    const state = read();
    KINDS.forEach((kind) => state.delete(kind));
    write(state);
  });
  document.getElementById("theme").addEventListener("click", () => {
    const state = read();
    const order = Object.keys(THEMES);
    state.set("theme", order[(order.indexOf(root.dataset.theme || "") + 1) % order.length]);
    write(state);
  });
  // A link inside the report must not lose the state.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
    if (!location.hash.includes("=")) history.replaceState(null, "", link.hash);
  });
  for (const box of document.querySelectorAll("details.choice"))
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") box.open = false;
    });
  document.addEventListener("click", (event) => {
    for (const box of document.querySelectorAll("details.choice[open]")) if (!box.contains(event.target)) box.open = false;
  });
  window.addEventListener("hashchange", apply);
  form.hidden = false;
  apply();
})();
