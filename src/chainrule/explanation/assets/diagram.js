// The two drawings: lighting the boxes of a step, and the numbers of units and edges.

class Diagram {
  constructor(page) {
    this.page = page;
    this.layers = document.querySelector("#layers-picture svg");
    this.units = document.querySelector("#units-picture svg");
    this.shownUnits = page.data.units.map((units) => [...units]);
    this.layers.addEventListener("click", (event) => this.jump(event));
    if (this.units) this.units.addEventListener("click", (event) => this.choose(event));
  }

  static key(event) {
    const hit = event.target.closest("[data-key]");
    return hit ? hit.dataset.key : "";
  }

  jump(event) {
    const key = Diagram.key(event);
    const index = this.page.steps.findIndex((step) => step.lit.includes(key));
    if (index >= 0) this.page.goTo(index);
  }

  choose(event) {
    const [kind, l, k, n] = Diagram.key(event).split("-");
    const layer = Number(l);
    if (kind === "u" && layer === 0) this.page.pickWeight(1, this.shownUnits[1][0], this.shownUnits[0][Number(k)]);
    else if (kind === "u") this.page.pickWeight(layer, this.shownUnits[layer][Number(k)], null);
    else if (kind === "e") {
      this.page.pickWeight(layer, this.shownUnits[layer][Number(k)], this.shownUnits[layer - 1][Number(n)]);
    }
  }

  /** Light the boxes of the step, and keep what is still to come pale. */
  light(steps, at) {
    const reached = new Set(steps.slice(0, at + 1).flatMap((step) => step.lit));
    const now = new Set(steps[at].lit);
    for (const element of this.layers.querySelectorAll("[data-key]")) {
      const key = element.dataset.key;
      if (key.startsWith("legend") || key.startsWith("row")) continue;
      element.classList.toggle("cr-now", now.has(key));
      element.classList.toggle("cr-later", !reached.has(key));
    }
    this.reach(...steps[at].reach);
    this.layers.setAttribute("aria-label", `${steps[at].title}: ${steps[at].says}`);
    this.follow(now);
  }

  /** Keep pale the units that the step has not reached, and each da until the way back is there. */
  reach(forward, backward) {
    if (!this.units) return;
    for (const group of this.units.querySelectorAll('g[data-key^="u-"]')) {
      const l = Number(group.dataset.key.split("-")[1]);
      group.classList.toggle("cr-later", l > forward);
      group.querySelector("text:last-of-type").classList.toggle("cr-unread", l < backward);
    }
    for (const edge of this.units.querySelectorAll('path[data-key^="e-"]')) {
      edge.classList.toggle("cr-later", Number(edge.dataset.key.split("-")[1]) > forward);
    }
    const now = Math.max(0, Number.isFinite(forward) ? forward : backward);
    // The names beside the units are part of what is to be seen.
    const seen = `[data-key^="u-${now}-"], ${now === 0 ? '[data-key^="in-"]' : now === this.page.model.last ? '[data-key^="out-"]' : "none"}`;
    this.scrollTo($("units-picture"), [...this.units.querySelectorAll(seen)]);
  }

  /** Scroll the drawing alone, never the page, until the lit boxes can be seen. */
  follow(now) {
    const boxes = [...now].map((key) => this.layers.querySelector(`g[data-key="${key}"]`));
    this.scrollTo($("layers-picture"), boxes.filter(Boolean));
  }

  scrollTo(frame, boxes) {
    if (!boxes.length || frame.hidden || frame.scrollWidth <= frame.clientWidth) return;
    const inside = frame.getBoundingClientRect();
    const lefts = boxes.map((box) => box.getBoundingClientRect().left - inside.left + frame.scrollLeft);
    const rights = boxes.map((box) => box.getBoundingClientRect().right - inside.left + frame.scrollLeft);
    const middle = (Math.min(...lefts) + Math.max(...rights)) / 2;
    frame.scrollLeft = middle - frame.clientWidth / 2;
  }

  /** Make sure that a unit is drawn, in place of the last of its layer. */
  include(l, unit) {
    const column = this.shownUnits[l];
    if (!column.includes(unit)) column[column.length - 1] = unit;
  }

  /** Write this sample's numbers into the units and weigh the edges. */
  update(pass, theta) {
    if (!this.units) return;
    const { model, data, pick } = this.page;
    if (pick) {
      this.include(pick.layer, pick.unit);
      if (pick.input !== null) this.include(pick.layer - 1, pick.input);
    }
    this.shownUnits.forEach((column, l) => column.forEach((unit, k) => this.unit(pass, l, k, unit, data)));
    for (let l = 1; l <= model.last; l++) this.edges(pass, theta, l);
  }

  unit(pass, l, k, unit, data) {
    const group = this.units.querySelector(`[data-key="u-${l}-${k}"]`);
    if (!group) return;
    const texts = group.querySelectorAll("text");
    const a = `a${raised(l)}[${unit}] = ${spell(pass.a[l][unit], 3)}`;
    const da = `da = ${spell(pass.da[l][unit], 3)}`;
    const lines = l === 0 ? [a, da] : [`z = ${spell(pass.z[l][unit], 3)}`, a, da];
    lines.forEach((line, n) => {
      texts[n].textContent = line;
      // As in picture.py: so many characters fit at 12 pixels.
      texts[n].setAttribute("font-size", Math.min(12, (12 * 14.5) / line.length).toPrecision(3));
    });
    const { pick } = this.page;
    const picked = pick && ((pick.layer === l && pick.unit === unit) || (pick.quantity === "dW" && pick.layer - 1 === l && pick.input === unit));
    group.classList.toggle("cr-now", Boolean(picked));
    const mark = this.page.marks[l]?.get(unit);
    group.classList.toggle("cr-marked", Boolean(mark));
    group.querySelector("title").textContent = `unit ${unit} of layer ${l}: ${lines.join(", ")}${mark ? `; ${mark}` : ""}`;
    const names = l === 0 ? data.inputs : l === this.page.model.last ? data.outputs : [];
    const label = this.units.querySelector(`[data-key="${l === 0 ? "in" : "out"}-${k}"]`);
    if (label && names[unit] !== undefined) label.textContent = clip(names[unit]);
  }

  edges(pass, theta, l) {
    const { model, pick } = this.page;
    const weight = (i, j) => theta[model.place(l, i, j)];
    const rows = this.shownUnits[l];
    const columns = this.shownUnits[l - 1];
    const sizes = rows.flatMap((i) => columns.map((j) => Math.abs(weight(i, j)))).filter(Number.isFinite);
    const largest = Math.max(...sizes, 0) || 1;
    rows.forEach((i, k) =>
      columns.forEach((j, n) => {
        const edge = this.units.querySelector(`[data-key="e-${l}-${k}-${n}"]`);
        if (!edge) return;
        const w = weight(i, j);
        const ink = Number.isFinite(w) ? Math.min(Math.abs(w) / largest, 1) : 1;
        edge.setAttribute("stroke-width", (0.8 + 3.4 * ink).toFixed(2));
        edge.setAttribute("stroke-opacity", (0.25 + 0.65 * ink).toFixed(2));
        if (w < 0) edge.setAttribute("stroke-dasharray", "1.5 4");
        else edge.removeAttribute("stroke-dasharray");
        edge.classList.toggle("cr-negative", w < 0);
        edge.classList.toggle("cr-positive", !(w < 0));
        const picked = pick && pick.quantity === "dW" && pick.layer === l && pick.unit === i && pick.input === j;
        edge.classList.toggle("cr-now", Boolean(picked));
        const dW = pass.dz[l][i] * pass.a[l - 1][j];
        edge.querySelector("title").textContent =
          `W${raised(l)}[${i},${j}] = ${spell(w)}, dW${raised(l)}[${i},${j}] = ${spell(dW)}`;
        const label = this.units.querySelector(`[data-key="w-${l}-${k}-${n}"]`);
        if (label) label.textContent = spell(w, 3);
      }),
    );
  }
}

const raised = (l) => String(l).replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
const clip = (name, most = 22) => (name.length <= most ? name : `${name.slice(0, most - 1)}…`);
