// The numbers of a step: tables of units, matrices of weights, the update side by side.

const MOST_ROWS = 8;
const MOST_MATRIX = 8;

/** Names of a layer's units: those of the inputs or the outputs, none inside. */
const namesOf = (page, l) => (l === 0 ? page.data.inputs : l === page.model.last ? page.data.outputs : []);

/** A table of units; a wide layer shows those of the picture and unfolds on request. */
function unitTable(heads, count, values, cells, l) {
  const { page } = unitTable;
  const names = namesOf(page, l);
  const line = (i) => [names.length ? `${i}: ${names[i]}` : String(i), ...cells(i)];
  const units = count <= MOST_ROWS ? [...values.keys()] : page.picture.shown[l];
  return foldedTable(heads, units.map(line), count, () => Array.from(values, (v, i) => line(i)), heads[0]);
}

function tableOf(heads, rows, label = "numbers") {
  const head = make("tr", {}, ...heads.map((name) => make("th", { scope: "col" }, t(name))));
  const body = rows.map(([name, ...values]) =>
    make("tr", {},
      make("th", { scope: "row", title: String(name).length > 60 ? name : null }, name instanceof Node ? name : make("bdi", {}, clip(name, 60))),
      ...values.map((v) => make("td", {}, v instanceof Node ? v : typeof v === "string" ? make("bdi", {}, v) : shown(v)))),
  );
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t(label) }, table);
}

const CRITERION = t`those whose silence would change J most, by |a · da|`;

function foldedTable(heads, few, count, all, word) {
  const holder = make("div", {}, tableOf(heads, few));
  if (count > few.length) {
    const note = make("p", { class: "note" }, t`${few.length} of ${plural(count, word)}: ${CRITERION} `);
    const button = make("button", { type: "button" }, t`show all ${count.toLocaleString(LANGUAGE)}`);
    button.addEventListener("click", () => {
      fill(holder, tableOf(heads, all()));
      // The button is gone: a keyboard user goes on in the table.
      holder.firstElementChild.focus({ preventScroll: true });
    });
    note.append(button);
    holder.append(note);
  }
  return holder;
}

/** The sample's inputs, with the column's own value where there is one, and as a picture for pixels. */
function inputTable(pass, page) {
  const own = page.samples.ownInputs();
  const heads = own ? ["input", "own value", "a⁰"] : ["input", "a⁰"];
  const cells = (j) => (own ? [own[j], pass.a[0][j]] : [pass.a[0][j]]);
  const table = unitTable(heads, pass.a[0].length, pass.a[0], cells, 0);
  return pixels(page, pass.a[0], t`x as a picture`, table);
}

/** Put a picture of n_0 numbers above a table, where the inputs are the pixels of a square. */
function pixels(page, values, label, ...rest) {
  const side = page?.data.grid;
  return side ? make("div", {}, heatMap(values, side, side, label), ...rest) : make("div", {}, ...rest);
}

/** A matrix as a picture: blue above 0, red below, by size. */
function heatMap(values, rows, columns, label) {
  const largest = values.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0) || 1;
  const canvas = make("canvas", { class: "heat", width: columns, height: rows, role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  values.forEach((v, k) => image.data.set(colourOf(v / largest), 4 * k));
  context.putImageData(image, 0, 0);
  const width = Math.min(224, Math.max(96, columns * 12));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${Math.max(24, Math.min(160, (width * rows) / columns))}px`;
  return make("figure", {}, canvas, make("figcaption", { class: "note" }, t`${label}: blue above 0, red below, up to ±${spell(largest, 3)}`));
}

/** White at 0, blue towards 1, red towards -1. */
function colourOf(share) {
  if (Number.isNaN(share)) return [128, 128, 128, 255];
  const s = Math.max(-1, Math.min(1, share));
  const mix = (to) => to.map((c) => Math.round(250 + (c - 250) * Math.sqrt(Math.abs(s))));
  return [...mix(s >= 0 ? [11, 102, 195] : [196, 55, 45]), 255];
}

const weightsOf = (page, l) => {
  const { model, theta } = page;
  const [n, m] = [model.sizes[l], model.sizes[l - 1]];
  return Float64Array.from({ length: n * m }, (_, k) => theta[model.place(l, Math.floor(k / m), k % m)]);
};

/** z = W a + b: W as a matrix where it is small, and one unit's sum written out. */
function sumTable(pass, page, l) {
  const { model, theta } = page;
  const [n, m] = [model.sizes[l], model.sizes[l - 1]];
  const bias = (i) => theta[model.place(l, i, m)];
  const sum = make("p", { class: "formula" }, writtenSum(pass, page, l, page.unitOf(l)));
  if (n <= MOST_MATRIX && m <= MOST_MATRIX) {
    const heads = [`W${raised(l)}`, ...Array.from({ length: m }, (_, j) => `· a${raised(l - 1)}[${j}] = ${spell(pass.a[l - 1][j], 3)}`), "b", `z${raised(l)}`];
    const rows = Array.from({ length: n }, (_, i) => [
      t`unit ${i}`,
      ...Array.from({ length: m }, (__, j) => theta[model.place(l, i, j)]), bias(i), pass.z[l][i]]);
    return make("div", {}, tableOf(heads, rows), sum);
  }
  const table = unitTable(["unit", "Σ W a", "b", `z${raised(l)}`], n, pass.z[l], (i) => [pass.z[l][i] - bias(i), bias(i), pass.z[l][i]], l);
  const side = page.data.grid;
  const unit = page.unitOf(l);
  const row = weightsOf(page, l).subarray(unit * m, (unit + 1) * m);
  const picture = l === 1 && side ? heatMap(row, side, side, t`W¹ of unit ${unit}`) : n * m <= 20_000 ? heatMap(weightsOf(page, l), n, m, t`W${raised(l)}, a row a unit`) : null;
  return make("div", {}, table, sum, picture);
}

const MOST_TERMS = 4;

/** One unit's weighted sum with its numbers: z[i] = w a + w a + b. */
function writtenSum(pass, page, l, i) {
  const { model, theta } = page;
  const inputs = model.sizes[l - 1];
  const terms = Array.from({ length: Math.min(inputs, MOST_TERMS) }, (_, j) => row(mnum(theta[model.place(l, i, j)], true, 3), mo("·"), mnum(pass.a[l - 1][j], true, 3)));
  if (inputs > MOST_TERMS) terms.push(m("mi", "…"));
  terms.push(mnum(theta[model.place(l, i, inputs)], true, 3));
  return inlineMath(sym("z", l, i), mo("="), ...between(terms, "+"), mo("="), mnum(pass.z[l][i]));
}

/** dW as the outer product of dz and a: a matrix where it is small, a picture and a list above. */
function weightTable(pass, page, l) {
  const { dz, a } = pass;
  const [n, m] = [dz[l].length, a[l - 1].length];
  if (n <= MOST_MATRIX && m <= MOST_MATRIX) {
    const heads = [`dW${raised(l)}`, ...Array.from(a[l - 1], (v, j) => `× a${raised(l - 1)}[${j}] = ${spell(v, 3)}`)];
    const rows = Array.from(dz[l], (v, i) => [
      `dz${raised(l)}[${i}] = ${spell(v, 3)}`,
      ...Array.from({ length: m }, (_, j) => make("data", { value: String(pass.dW(l, i, j)), "data-at": `${i},${j}`, title: String(pass.dW(l, i, j)) }, spell(pass.dW(l, i, j), 4)))]);
    return tableOf(heads, rows, t`the outer product of dz and a`);
  }
  const pairs = page.picture.shown[l].flatMap((i) => page.picture.shown[l - 1].map((j) => [i, j, pass.dW(l, i, j)]));
  pairs.sort((p, q) => Math.abs(q[2]) - Math.abs(p[2]) || p[0] - q[0] || p[1] - q[1]);
  const rows = pairs.slice(0, MOST_ROWS).map(([i, j, v]) => [`${i}, ${j}`, dz[l][i], a[l - 1][j], v]);
  const table = tableOf([t`weight i, j`, `dz${raised(l)}ᵢ`, `a${raised(l - 1)}ⱼ`, `dW${raised(l)}`], rows);
  const note = make("p", { class: "note" }, t`the largest ${rows.length} between the units of the picture, of ${plural(n * m, "weight")}`);
  const values = () => Float64Array.from({ length: n * m }, (_, k) => pass.dW(l, Math.floor(k / m), k % m));
  return make("div", {}, table, note, n * m <= 20_000 ? heatMap(values(), n, m, t`dW${raised(l)}, a row a unit`) : null);
}

/** W, dW, η and W − η dW side by side. */
function updateTable(pass, page) {
  const { model, theta } = page;
  const { eta, updated } = page.update();
  const order = Array.from(theta, (_, k) => k);
  const gradient = (k) => {
    const { layer, unit, input } = model.entry(k);
    return input === null ? pass.db(layer, unit) : pass.dW(layer, unit, input);
  };
  const many = theta.length > 24;
  if (many) order.sort((p, q) => Math.abs(updated[q] - theta[q]) - Math.abs(updated[p] - theta[p])).splice(MOST_ROWS);
  const rows = order.map((k) => [nameOf(model.entry(k)), theta[k], gradient(k), updated[k]]);
  const table = tableOf(["", "now", "gradient", t`now − η · gradient`], rows, t`the update of every parameter`);
  const note = make("p", {}, `η = `, make("span", { id: "update-eta" }, shown(eta, 4)), page.etaGiven() ? "." : t`, found by halving until J of this sample falls.`, many ? t` The ${rows.length} that move most, of ${plural(theta.length, "parameter")}.` : "");
  const J = page.costAt(updated);
  return make("div", {}, table, note, make("p", {}, t`J of this sample: `, shown(pass.J, 5), " → ", shown(J, 5)));
}

/** W¹[0,1] or b¹[0]. */
function nameOf({ layer, unit, input }) {
  return input === null ? `b${raised(layer)}[${unit}]` : `W${raised(layer)}[${unit},${input}]`;
}
