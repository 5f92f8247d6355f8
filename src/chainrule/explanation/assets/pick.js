// One number: what a weight, bias or unit does on the way forward, and the chain rule expanded for it.

const MOST_PATHS = 16;

class Picker {
  constructor(page) {
    this.page = page;
    const { data } = page;
    this.quantity = $("pick-quantity");
    this.layer = $("pick-layer");
    this.unit = $("pick-unit");
    this.input = $("pick-input");
    for (let l = 1; l <= page.model.last; l++) {
      this.layer.append(make("option", { value: l }, `${l} (${data.layers[l - 1].spec}, ${plural(data.sizes[l], "unit")})`));
    }
    for (const control of [this.quantity, this.layer, this.unit, this.input]) {
      control.addEventListener("change", () => this.changed(control));
    }
  }

  changed(control) {
    const { page } = this;
    const layer = Number(this.layer.value);
    const same = control !== this.layer;
    page.pick = {
      quantity: this.quantity.value,
      layer,
      unit: same ? Number(this.unit.value) : 0,
      input: same ? Number(this.input.value) : 0,
    };
    page.render();
  }

  /** Offer the units of the picked layer and of the one before, by number and name. */
  offer(select, l, chosen) {
    const { data, model } = this.page;
    if (select.dataset.layer !== String(l)) {
      const names = l === 0 ? data.inputs : l === model.last ? data.outputs : [];
      const options = Array.from({ length: model.sizes[l] }, (_, i) =>
        make("option", { value: i }, names[i] === undefined ? String(i) : `${i}: ${names[i]}`),
      );
      fill(select, ...options);
      select.dataset.layer = String(l);
    }
    select.value = String(chosen);
  }

  update(pass) {
    const { pick } = this.page;
    this.quantity.value = pick.quantity;
    this.layer.value = String(pick.layer);
    this.offer(this.unit, pick.layer, pick.unit);
    this.offer(this.input, pick.layer - 1, pick.input ?? 0);
    $("pick-input-field").hidden = pick.quantity !== "dW";
    fill($("pick-forward"), ...this.forward(pass));
    fill($("pick-product"), ...this.product());
    fill($("pick-chain"), this.chain(pass));
    fill($("pick-paths"), ...this.paths(pass));
    fill($("pick-result"), ...this.result(pass));
  }

  /** What the picked number does on the way forward, and the unit's numbers on both ways. */
  forward(pass) {
    const { page } = this;
    const { quantity, layer: l, unit: i, input: j } = page.pick;
    const said = [];
    if (quantity === "dW") {
      const w = page.theta[page.model.place(l, i, j)];
      const adds = w * pass.a[l - 1][j];
      const formula = inlineMath(sym("W", l, i, j), sym("a", l - 1, j), mo("="), mnum(w, true), mo("·"), mnum(pass.a[l - 1][j], true), mo("="), mnum(adds));
      said.push(make("p", {}, "Forward, it adds ", formula, ` to z${raised(l)}[${i}] = `, shown(pass.z[l][i]), "."));
    }
    if (quantity === "db") {
      const b = page.theta[page.model.place(l, i, page.model.sizes[l - 1])];
      said.push(make("p", {}, "Forward, it adds ", shown(b), ` to z${raised(l)}[${i}] = `, shown(pass.z[l][i]), "."));
    }
    const numbers = [
      [`z${raised(l)}`, pass.z[l][i]],
      [`a${raised(l)}`, pass.a[l][i]],
      [page.data.layers[l - 1].mixes ? `∂a${raised(l)}[${i}]/∂z${raised(l)}[${i}]` : "f′(z)", pass.slopes[l][i]],
      [`da${raised(l)}`, pass.da[l][i]],
      [`dz${raised(l)}`, pass.dz[l][i]],
    ];
    const cells = numbers.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, shown(value))));
    said.push(make("dl", { class: "numbers", "aria-label": `unit ${i} of layer ${l}` }, ...cells));
    const mark = page.marks[l]?.get(i);
    if (mark) said.push(make("p", { class: "warning" }, `⚠ This unit ${mark}.`));
    return said;
  }

  /** The factors from the cost down to what is picked: their names, meanings, and numbers. */
  factors(pass) {
    const { model, data, theta, pick } = this.page;
    const { quantity, layer: l, unit: i, input: j } = pick;
    const L = model.last;
    const found = [];
    const add = (top, bottom, means, shape, numbers, product, label = String) =>
      found.push({ name: () => partial(top(), bottom()), means, shape, numbers, product, label });
    const J = () => mi("J");
    add(J, () => A(L), () => written(data.cost.da), `1 × ${model.sizes[L]}`, pass.da[L], pass.da[L]);
    for (let k = L; k >= 1; k--) {
      const stop = quantity === "da" && l === k;
      if (stop) break;
      const mixes = data.layers[k - 1].mixes;
      const diagonal = mixes ? "" : ", diagonal";
      add(() => A(k), () => Z(k), () => written(data.layers[k - 1].df), `${model.sizes[k]} × ${model.sizes[k]}${diagonal}`, pass.slopes[k], pass.dz[k], mixes ? (n) => `${n},${n}` : String);
      if (k === l) break;
      const column = model.sizes[k] * model.sizes[k - 1] <= 9 ? null : `${model.sizes[k] * model.sizes[k - 1]} weights`;
      const weights = column ?? Array.from({ length: model.sizes[k] * model.sizes[k - 1] }, (_, n) =>
        theta[model.place(k, Math.floor(n / model.sizes[k - 1]), n % model.sizes[k - 1])]);
      add(() => Z(k), () => A(k - 1), () => W(k), `${model.sizes[k]} × ${model.sizes[k - 1]}`, weights, pass.da[k - 1], (n) => `${Math.floor(n / model.sizes[k - 1])},${n % model.sizes[k - 1]}`);
    }
    if (quantity === "dW") {
      const value = pass.dz[l][i] * pass.a[l - 1][j];
      add(() => Z(l), () => sym("W", l, i, j), () => sym("a", l - 1, j), "1 × 1", [pass.a[l - 1][j]], [value]);
    }
    if (quantity === "db") add(() => Z(l), () => sym("b", l, i), () => m("mn", "1"), "1 × 1", [1], [pass.dz[l][i]]);
    return found;
  }

  goal() {
    const { quantity, layer, unit, input } = this.page.pick;
    const index = quantity === "dW" ? [unit, input] : [unit];
    return partial(mi("J"), sym(quantity.slice(1), layer, ...index));
  }

  product() {
    const names = this.factors(this.page.pass).map((factor, k) => inlineMath(mo(k ? "·" : "="), factor.name()));
    return [inlineMath(this.goal()), ...names];
  }

  chain(pass) {
    const factors = this.factors(pass);
    const { quantity, unit } = this.page.pick;
    const heads = ["factor", "is", "shape", "numbers", "product so far"].map((name) => make("th", { scope: "col" }, name));
    const rows = factors.map((factor, k) => {
      const near = k >= factors.length - (quantity === "dW" || quantity === "db" ? 2 : 1);
      return make(
        "tr",
        {},
        make("th", { scope: "row", "aria-label": spoken(factor.name()) }, inlineMath(factor.name())),
        make("td", {}, math(factor.means())),
        make("td", {}, factor.shape),
        make("td", {}, some(factor.numbers, near ? unit : null, factor.label)),
        make("td", {}, some(factor.product, near ? unit : null)),
      );
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    const scrolled = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the factors of the chain" }, table);
    return make("div", {}, scrolled, ...this.symbols());
  }

  /** What a reader of the factors may ask: where two of them are one, and what a bracket means. */
  symbols() {
    const { data, model, pick } = this.page;
    const L = raised(model.last);
    const passed = (k) => k > pick.layer || (k === pick.layer && pick.quantity !== "da");
    const said = [];
    if (data.pair && passed(model.last)) said.push(`With this cost the first two factors together are a${L} − y: the product is computed so, and holds where one of them is 0 or ∞.`);
    if (data.layers.some((layer, k) => layer.mixes && passed(k + 1))) said.push("[i = j] is 1 where i and j are the same unit, and 0 elsewhere; of a matrix with i and j the diagonal is shown.");
    if (data.layers.some((layer, k) => layer.df.includes("erfc") && passed(k + 1))) said.push(ERFC);
    return said.map((text) => make("p", { class: "note" }, text));
  }

  /** The sum over paths from the cost to the unit, where there are few. */
  paths(pass) {
    const { model, theta, pick } = this.page;
    const { quantity, layer: l, unit, input } = pick;
    const count = model.sizes.slice(l + 1).reduce((p, n) => p * n, 1);
    if (l === model.last) return [];
    if (count > MOST_PATHS) {
      return [make("p", { class: "note" }, `${plural(count, "path")} lead from the cost to this unit; the product of matrices adds them up.`)];
    }
    const lines = [];
    const walk = (k, i, terms, units) => {
      const next = (q) => [theta[model.place(k + 1, q, i)], ...terms];
      for (let q = 0; q < model.sizes[k + 1]; q++) {
        if (k + 1 === model.last) lines.push([[pass.dz[k + 1][q], ...next(q)], [q, ...units]]);
        else walk(k + 1, q, [pass.slopes[k + 1][q], ...next(q)], [q, ...units]);
      }
    };
    const end = quantity === "da" ? [] : [pass.slopes[l][unit]];
    if (quantity === "dW") end.push(pass.a[l - 1][input]);
    walk(l, unit, end, [unit]);
    const items = lines.map(([terms, units]) => {
      const value = terms.reduce((p, t) => p * t, 1);
      const way = units.map((u, k) => `${u}${k ? "" : " (out)"}`).join(" → ");
      return make("li", {}, `by units ${way}: `, inlineMath(...between(terms.map((t) => mnum(t, true)), "·"), mo("="), mnum(value)));
    });
    return [
      make("p", {}, count === 1
        ? `One path leads from the cost to this number, a product of dz${raised(model.last)}, weights and slopes:`
        : `As a sum over ${plural(count, "path")} from the cost, each a product of dz${raised(model.last)}, weights and slopes:`),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "paths" }, make("ul", { class: "paths" }, ...items)),
    ];
  }

  value(pass) {
    const { quantity, layer: l, unit: i, input: j } = this.page.pick;
    if (quantity === "dW") return pass.dz[l][i] * pass.a[l - 1][j];
    return quantity === "da" ? pass.da[l][i] : pass.dz[l][i];
  }

  /** The gradient, the numerical derivative beside it, and the mean over all samples. */
  result(pass) {
    const { page } = this;
    const { quantity, layer: l, unit: i, input: j } = page.pick;
    const value = this.value(pass);
    const slope = quantity === "dW" ? pass.a[l - 1][j] : 1;
    const found = page.model.numerical(page.theta, pass, quantity === "da" ? "a" : "z", l, i, slope);
    const agrees = Math.abs(found.value - value) <= found.error;
    const verdict = !Number.isFinite(found.value) || !Number.isFinite(value)
      ? "cannot be compared: a number is not finite"
      : found.kink
        ? "a kink lies here: the derivative jumps, and either side is right"
        : agrees ? "✓ they agree" : "✗ they disagree";
    const line = make("div", { class: "result" },
      make("p", {}, inlineMath(this.goal(), mo("=")), " ", make("strong", { id: "pick-value" }, shown(value, 8))),
      make("p", {}, "numerical derivative ", make("span", { id: "pick-numerical" }, shown(found.value, 8)), ` ± ${spell(found.error, 2)}: `,
        make("strong", { id: "pick-verdict", class: agrees || found.kink ? "good" : "bad" }, verdict)),
    );
    const lines = [line];
    const survey = page.survey;
    if (survey && (quantity === "dW" || quantity === "db")) {
      const k = page.model.place(l, i, quantity === "dW" ? j : page.model.sizes[l - 1]);
      const penalised = page.data.l1 || page.data.l2 ? ", penalties included" : "";
      lines.push(make("p", { class: "note" }, `Over the ${plural(page.X.length, "sample")} of this page${penalised}, the mean is `, shown(survey.gradient[k]), "."));
    }
    return lines;
  }
}

/** A derivative in words, for who hears the table. */
const spoken = (fraction) => Array.from(fraction.children, (part) => part.textContent).join(" by ");

/** A few numbers of an array: those picked out, or the largest, and how many more. */
function some(values, unit, label = String) {
  if (typeof values === "string") return values;
  if (values.length === 1) return shown(values[0]);
  const order = unit === null ? telling(values, 3) : [unit];
  const parts = order.flatMap((i) => [make("span", { class: "entry" }, `[${label(i)}] `, shown(values[i], 4)), " "]);
  const rest = values.length - order.length;
  return make("span", {}, ...parts, rest ? make("span", { class: "note" }, `… ${rest} more`) : null);
}
