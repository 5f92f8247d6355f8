// The two drawings: the boxes of a step lit, this sample's numbers in cells, boxes and strokes.

const raised = (l) => String(l).replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
const clip = (name, most = 22) => (String(name).length <= most ? String(name) : `${String(name).slice(0, most - 1)}…`);
// Drawings grow up to the one scale, and shrink down to the other.
const MOST_SCALE = 1.7;
const LEAST_SCALE = 0.55;
const SVG = "http://www.w3.org/2000/svg";

function svgElement(tag, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

class Picture {
  constructor(page) {
    this.page = page;
    this.slots = page.data.slots;
    this.layers = Picture.index("layers");
    this.units = Picture.index("units");
    this.shown = page.model.sizes.map((n, l) => Array.from({ length: this.slots[l] }, (_, k) => k));
    this.computed = new Set();
    for (const text of document.querySelectorAll(".picture text")) text.textContent = t(text.textContent);
    this.hits();
    new ResizeObserver(() => this.fit()).observe($("stage"));
    for (const level of ["layers", "units"]) {
      const svg = $(`${level}-picture`).firstElementChild;
      svg.append(svgElement("text", { class: "cr-ghost", "text-anchor": "middle", "font-size": 11, "data-key": "ghost" }));
      this[level].set("ghost", svg.lastElementChild);
    }
  }

  static index(level) {
    const elements = new Map();
    for (const element of document.querySelectorAll(`#${level}-picture [data-key]`)) elements.set(element.dataset.key, element);
    return elements;
  }

  /** Fill the room with a drawing, but never smaller than can be read: then it scrolls. */
  fit() {
    for (const level of ["layers", "units"]) {
      const frame = $(`${level}-picture`);
      if (frame.hidden) continue;
      const svg = frame.firstElementChild;
      const { width, height } = svg.viewBox.baseVal;
      const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height, MOST_SCALE);
      const readable = Math.max(scale, LEAST_SCALE);
      svg.style.width = `${Math.floor(width * readable)}px`;
      svg.style.height = `${Math.floor(height * readable)}px`;
    }
  }

  /** Edges are thin: a wide transparent stroke beside each makes them easy to hit. */
  hits() {
    for (const [key, edge] of this.units) {
      if (!key.startsWith("e-")) continue;
      edge.append(svgElement("title"));
      const hit = svgElement("path", { d: edge.getAttribute("d"), class: "cr-hit", "data-key": key });
      edge.after(hit);
    }
    $("units-picture").firstElementChild.setAttribute("role", "group");
    const few = [...this.units.keys()].filter((key) => /^(a-0|b|e)-/.test(key)).length <= 60;
    for (const [key, element] of this.units) {
      if (!/^(a|b|z|da|dz|y|e)-\d+-/.test(key)) continue;
      element.setAttribute("tabindex", few ? "0" : "-1");
      element.setAttribute("role", "button");
    }
  }

  /** What a key of the units picture stands for: a pick, or null. */
  pickOf(key) {
    const [kind, l, k, n] = key.split("-");
    const layer = Number(l);
    const unit = this.shown[layer]?.[Number(k)];
    if (unit === undefined) return null;
    if (kind === "e" || kind === "w" || kind === "d" || kind === "dw") {
      return { quantity: "dW", layer, unit, input: this.shown[layer - 1][Number(n)] };
    }
    if (kind === "y") return { quantity: "y", layer, unit, input: null };
    const quantity = { a: "da", z: "dz", b: "db", da: "da", dz: "dz", db: "db", map: "dz" }[kind];
    return quantity ? { quantity, layer, unit, input: null } : null;
  }

  /** What lies at a key, with its number as it is now. */
  words(key) {
    const pick = this.pickOf(key);
    const title = this.units.get(key)?.querySelector("title")?.textContent ?? "";
    if (!pick || pick.quantity !== "dW" || !this.theta) return title;
    const { layer: l, unit: i, input: j } = pick;
    const slope = this.computed.has(`dW-${l}`) ? `, d${nameOf(pick)} = ${spell(this.pass.dW(l, i, j))}` : "";
    return `${nameOf(pick)} = ${spell(this.theta[this.page.model.place(l, i, j)])}${slope}`;
  }

  /** The key of what is picked, where it is drawn. */
  keyOf({ quantity, layer, unit, input }) {
    const k = this.shown[layer].indexOf(unit);
    if (quantity === "dW") return `e-${layer}-${k}-${this.shown[layer - 1].indexOf(input)}`;
    return `${quantity === "y" ? "y" : quantity.slice(1)}-${layer}-${k}`;
  }

  /** The units of a layer in the order of |a da|: what J would change by if each fell silent. */
  telling(pass, l) {
    const size = (values, i) => (Number.isFinite(values[i]) ? Math.abs(values[i]) : Infinity);
    const score = Float64Array.from(pass.a[l], (a, i) => {
      const product = Math.abs(a * pass.da[l][i]);
      return Number.isNaN(product) ? 0 : product;
    });
    return Array.from(score, (_, i) => i).sort((i, j) => score[j] - score[i] || size(pass.a[l], j) - size(pass.a[l], i) || i - j);
  }

  /** Choose the units drawn for this sample; what is picked is among them. */
  choose(pass) {
    const { pick, model } = this.page;
    this.shown = model.sizes.map((n, l) => {
      if (this.slots[l] === n) return Array.from({ length: n }, (_, k) => k);
      const order = this.telling(pass, l);
      const wanted = [pick.layer === l ? pick.unit : null, pick.input !== null && pick.layer - 1 === l ? pick.input : null].filter((one) => one !== null);
      const first = order.filter((i) => !wanted.includes(i)).slice(0, this.slots[l] - wanted.length);
      return [...wanted, ...first].sort((i, j) => i - j);
    });
  }

  /** Write this sample's numbers, as far as the steps have computed them. */
  update(pass, theta) {
    this.choose(pass);
    this.pass = pass;
    this.theta = theta;
  }

  /** Write all numbers; live, that is while training, strokes each time, and without tooltips. */
  write(live = false, texts = true) {
    Object.assign(this, { live, texts });
    const { pass, theta, page } = this;
    const { model } = page;
    const values = this.values(pass, theta);
    // Of the two drawings only the one in sight is written.
    if (page.level === "layers") this.boxes(values);
    else {
      for (let l = 0; l <= model.last; l++) {
        if (texts) this.shown[l].forEach((unit, k) => this.unit(values, l, k, unit));
        if (l) this.edges(values, l);
      }
    }
    for (let k = 0; k < this.slots[model.last]; k++) this.units.get(`cost-da-${k}`)?.classList.toggle("cr-hidden", !this.computed.has(`da-${model.last}`));
    const J = this.computed.has("J") ? `J = ${spell(pass.J, 4)}` : "J";
    for (const level of [this.layers, this.units]) setText(level.get("J"), J);
    this.ghost();
  }

  /** Every number by the key of its layer: what is drawn, and what the layers picture sums up. */
  values(pass, theta) {
    const { page } = this;
    const { model } = page;
    const after = this.computed.has("updated") ? page.update().updated : theta;
    const bias = (l) => Float64Array.from({ length: model.sizes[l] }, (_, i) => after[model.place(l, i, model.sizes[l - 1])]);
    const values = { [`y-${model.last}`]: pass.y, after };
    for (let l = 0; l <= model.last; l++) {
      values[`a-${l}`] = pass.a[l];
      values[`da-${l}`] = pass.da[l];
      if (!l) continue;
      values[`z-${l}`] = pass.z[l];
      values[`dz-${l}`] = pass.dz[l];
      values[`b-${l}`] = bias(l);
      values[`db-${l}`] = Float64Array.from(pass.dz[l], (_, i) => pass.db(l, i));
    }
    return values;
  }

  known(name) {
    return /^(b|y)-|^a-0$/.test(name) || this.computed.has(name);
  }

  unit(values, l, k, unit) {
    const { page } = this;
    const { last } = page.model;
    for (const name of ["b", "z", "a", "db", "dz", "da", "y"]) {
      const element = this.units.get(`${name}-${l}-${k}`);
      if (!element) continue;
      const value = values[`${name}-${l}`][unit];
      const word = name === "a" ? (l === 0 ? "x" : l === last ? "ŷ" : "a") : name;
      const known = this.known(`${name}-${l}`);
      setText(element, known ? `${word} = ${spell(value, 3)}` : word);
      const mark = page.marks[l]?.get(unit);
      element.classList.toggle("cr-marked", Boolean(mark) && name === "a");
      if (this.live) continue;
      const place = l === 0 ? t`input ${unit}` : t`unit ${unit} of layer ${l}`;
      element.querySelector("title").textContent = `${t`${word} of ${place}`}${known ? ` = ${spell(value)}` : ""}${mark ? t`; the unit ${mark}` : ""}`;
    }
    const names = namesOf(page, l);
    const label = this.units.get(`${l === 0 ? "in" : "out"}-${k}`);
    if (label && names[unit] !== undefined) label.textContent = clip(names[unit]);
    const held = this.units.get(`map-${l}-${k}`);
    if (held) held.dataset.unit = String(unit);
  }

  edges(values, l) {
    const { model } = this.page;
    const { pass } = this;
    const rows = this.shown[l];
    const columns = this.shown[l - 1];
    const pairs = rows.flatMap((i, k) => columns.map((j, n) => ({ key: `${l}-${k}-${n}`, w: values.after[model.place(l, i, j)], slope: pass.dW(l, i, j), i, j })));
    const largest = (name) => Math.max(...pairs.map((pair) => Math.abs(pair[name])).filter(Number.isFinite), 0) || 1;
    const [top, steepest] = [largest("w"), largest("slope")];
    const known = this.computed.has(`dW-${l}`);
    for (const { key, w, slope, i, j } of pairs) {
      const edge = this.units.get(`e-${key}`);
      const ink = Number.isFinite(w) ? Math.min(Math.abs(w) / top, 1) : 1;
      setOnce(edge, "stroke-width", (0.8 + 3.4 * ink).toFixed(1));
      setOnce(edge, "stroke-opacity", (0.25 + 0.65 * Math.round(20 * ink) / 20).toFixed(2));
      setOnce(edge, "stroke-dasharray", w < 0 ? "1.5 4" : "none");
      edge.classList.toggle("cr-negative", w < 0);
      edge.classList.toggle("cr-positive", !(w < 0));
      const back = this.units.get(`d-${key}`);
      back.classList.toggle("cr-hidden", !known);
      if (known) setOnce(back, "stroke-width", (0.8 + 2.6 * Math.min(Math.abs(slope) / steepest, 1)).toFixed(1));
      if (!this.texts) continue;
      const [label, slopeLabel] = [this.units.get(`w-${key}`), this.units.get(`dw-${key}`)];
      if (label) setOnce(label, "textContent", spell(w, 3));
      if (slopeLabel) setOnce(slopeLabel, "textContent", known ? spell(slope, 3) : "");
      if (this.live) continue;
      const name = `W${raised(l)}[${i},${j}] = ${spell(w)}${known ? `, dW${raised(l)}[${i},${j}] = ${spell(slope)}` : ""}`;
      edge.querySelector("title").textContent = name;
      edge.setAttribute("aria-label", name);
    }
  }

  /** The second line of the boxes of layers: one or two numbers, or the root mean square of more. */
  boxes(values) {
    const { model } = this.page;
    const { pass } = this;
    const sum = (v) => (v.length === 1 ? spell(v[0], 4) : v.length === 2 ? `${spell(v[0], 2)}, ${spell(v[1], 2)}` : `rms ${spell(rms(v), 3)}`);
    const write = (key, known, text) => {
      const line = this.layers.get(key)?.querySelectorAll("text")[1];
      if (!line) return;
      line.dataset.shape ??= line.textContent;
      const words = known ? text() : line.dataset.shape;
      if (line.textContent !== words) line.textContent = words;
      const shape = this.layers.get(key).querySelector("rect, path");
      const room = Number(shape.getAttribute("width")) || widthOf(shape);
      line.setAttribute("font-size", Math.min(12, (1.65 * room) / words.length).toPrecision(3));
    };
    write("y", true, () => sum(values[`y-${model.last}`]));
    for (let l = 0; l <= model.last; l++) {
      for (const name of ["a", "z", "da", "db"]) {
        if (values[`${name}-${l}`]) write(`${name}-${l}`, this.known(`${name}-${l}`), () => sum(values[`${name}-${l}`]));
      }
      if (!l) continue;
      write(`g-${l}`, this.known(`dz-${l}`), () => `dz ${sum(values[`dz-${l}`])}`);
      const [n, m] = [model.sizes[l], model.sizes[l - 1]];
      write(`dW-${l}`, this.known(`dW-${l}`), () => sum(Float64Array.from({ length: n * m }, (_, k) => pass.dW(l, Math.floor(k / m), k % m))));
      const start = model.offsets[l - 1];
      write(`W-${l}`, true, () => sum(values.after.slice(start, start + n * (m + 1))));
    }
  }

  /** What J was before the hand moved, beside what it is. */
  ghost() {
    const before = this.page.before;
    for (const level of ["layers", "units"]) {
      const ghost = this[level].get("ghost");
      const box = this[level].get("J").querySelector("rect");
      ghost.setAttribute("x", Number(box.getAttribute("x")) + Number(box.getAttribute("width")) / 2);
      ghost.setAttribute("y", Number(box.getAttribute("y")) + Number(box.getAttribute("height")) + 15);
      ghost.textContent = before && this.computed.has("J") && before.J !== this.pass.J ? t`was ${spell(before.J, 4)}` : "";
    }
  }

  /** Light the boxes of the step, and write what has been computed up to it. */
  light(steps, at) {
    this.computed = new Set(steps.slice(0, at + 1).flatMap((step) => step.gives));
    if (steps[at].update) this.computed.add("updated");
    const lit = new Set(steps[at].lit);
    const gives = new Set(steps[at].gives);
    const uses = new Set(steps[at].uses);
    for (const [key, element] of this.layers) {
      if (key.startsWith("row") || key === "ghost") continue;
      element.classList.toggle("cr-now", lit.has(key));
    }
    for (const [key, element] of this.units) {
      const place = Picture.placeOf(key);
      element.classList.toggle("cr-now", gives.has(place));
      element.classList.toggle("cr-used", uses.has(place));
    }
    this.write();
    const words = `${steps[at].title}: ${steps[at].says}`;
    for (const level of ["layers", "units"]) $(`${level}-picture`).firstElementChild.setAttribute("aria-label", words);
    this.mark();
    const place = `${at} ${this.page.level}`;
    if (this.followed === place) return;
    this.followed = place;
    this.follow([...this.layers.keys()].filter((key) => lit.has(key)), "layers");
    this.follow([...this.units.keys()].filter((key) => gives.has(Picture.placeOf(key))), "units");
  }

  /** The layer's part that a key belongs to: "W-2" for an edge, "dz-1" for a cell. */
  static placeOf(key) {
    const [kind, l] = key.split("-");
    if (kind === "cost") return key.startsWith("cost-da") ? "cost-da" : "cost";
    if (kind === "e" || kind === "w") return `W-${l}`;
    if (kind === "d" || kind === "dw") return `dW-${l}`;
    return l === undefined ? kind : `${kind}-${l}`;
  }

  /** Mark what is picked, and hatch the box that a fault was found in. */
  mark() {
    const { pick, page } = { pick: this.page.pick, page: this.page };
    const held = this.keyOf(pick);
    const label = held.replace(/^e/, "w");
    for (const [key, element] of this.units) {
      element.classList.toggle("cr-picked", page.picked && (key === held || key === label));
      if (/^[ed]-/.test(key)) element.classList.toggle("cr-aside", page.picked && !this.leadsTo(key, pick));
    }
    const wrong = page.wrongBox;
    for (const level of [this.layers, this.units]) {
      for (const [key, element] of level) {
        const spoilt = wrong && (level === this.layers ? Picture.boxOfLayer(wrong) : wrong) === (level === this.layers ? key : Picture.placeOf(key));
        element.classList.toggle("cr-wrong", Boolean(spoilt));
      }
    }
  }

  /** Whether an edge leads to or from the unit that is held, or is the weight held. */
  leadsTo(key, { quantity, layer, unit, input }) {
    const edge = this.pickOf(key);
    if (!edge) return true;
    const ends = [[layer, unit], ...(quantity === "dW" ? [[layer - 1, input]] : [])];
    return ends.some(([l, i]) => (edge.layer === l && edge.unit === i) || (edge.layer - 1 === l && edge.input === i));
  }

  /** dz has no box of its own in the picture of layers: it is computed in the function's box. */
  static boxOfLayer(place) {
    return place.startsWith("dz-") ? place.replace("dz-", "g-") : place;
  }

  /** Scroll a drawing alone, never the page, until the lit boxes can be seen. */
  follow(keys, level) {
    const frame = $(`${level}-picture`);
    if (!keys.length || frame.hidden || (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight)) return;
    const inside = frame.getBoundingClientRect();
    const boxes = keys.filter((key) => this[level].has(key)).map((key) => this[level].get(key).getBoundingClientRect());
    if (!boxes.length) return;
    if (frame.scrollWidth > frame.clientWidth) {
      const middle = (Math.min(...boxes.map((b) => b.left)) + Math.max(...boxes.map((b) => b.right))) / 2;
      frame.scrollLeft += middle - inside.left - frame.clientWidth / 2;
    }
    if (frame.scrollHeight > frame.clientHeight) {
      const middle = (Math.min(...boxes.map((b) => b.top)) + Math.max(...boxes.map((b) => b.bottom))) / 2;
      frame.scrollTop += middle - inside.top - frame.clientHeight / 2;
    }
  }
}

// What was last set of an element, by name: drawings are never read, and only what changed is set.
const PRESENT = new WeakMap();

function setOnce(element, name, value) {
  if (!PRESENT.has(element)) PRESENT.set(element, {});
  const present = PRESENT.get(element);
  if (present[name] === value) return;
  present[name] = value;
  if (name === "textContent") element.textContent = value;
  else element.setAttribute(name, value);
}

const rms = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

/** Set the text of a cell or box, smaller where it would not fit. */
function setText(element, sentence) {
  const words = sentence.length > 9 ? sentence.replace(" = ", " ") : sentence;
  const cell = cellOf(element);
  setOnce(cell.text, "textContent", words);
  setOnce(cell.text, "font-size", Math.min(12, (1.35 * cell.width) / words.length).toPrecision(2));
}

const CELLS = new WeakMap();

/** The text of a cell or box and its room, looked up once. */
function cellOf(element) {
  if (!CELLS.has(element)) {
    const shape = element.querySelector("rect, path");
    CELLS.set(element, { text: element.querySelector("text"), width: Number(shape.getAttribute("width")) || widthOf(shape) });
  }
  return CELLS.get(element);
}

/** The width of a slanted box, from its path. */
function widthOf(path) {
  const [, left, right] = path.getAttribute("d").match(/^M([\d.]+) [\d.]+H([\d.]+)/) ?? [0, 0, 76];
  return right - left;
}
