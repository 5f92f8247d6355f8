// One number: the controls that pick it, what it does forwards, and the chain rule expanded for it.

const MOST_PATHS = 16;

class Chain {
  constructor(page) {
    this.page = page;
    const { data } = page;
    this.quantity = $("pick-quantity");
    this.layer = $("pick-layer");
    this.unit = $("pick-unit");
    this.input = $("pick-input");
    this.layer.append(make("option", { value: 0 }, t`layer 0`));
    for (let l = 1; l <= page.model.last; l++) {
      this.layer.append(make("option", { value: l }, t`layer ${l}`));
    }
    for (const control of [this.quantity, this.layer, this.unit, this.input]) {
      control.addEventListener("change", () => this.changed(control));
    }
  }

  changed(control) {
    const { page } = this;
    const quantity = this.quantity.value;
    const lowest = quantity === "da" ? 0 : quantity === "y" ? page.model.last : 1;
    const layer = quantity === "y" ? lowest : Math.max(lowest, Number(this.layer.value));
    const same = control !== this.layer && layer === Number(this.layer.value);
    page.hold({
      quantity,
      layer,
      unit: same ? Number(this.unit.value) : 0,
      input: quantity !== "dW" ? null : same ? Number(this.input.value) : 0,
    });
  }

  /** Offer the units of the picked layer and of the one before, by number and name. */
  offer(select, l, chosen) {
    const { data, model } = this.page;
    if (select.dataset.layer !== String(l)) {
      const names = l === 0 ? data.inputs : l === model.last ? data.outputs : [];
      const options = Array.from({ length: model.sizes[l] }, (_, i) =>
        make("option", { value: i }, names[i] === undefined ? `${l === 0 ? "input" : "unit"} ${i}` : `${i}: ${names[i]}`),
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
    this.layer.options[0].hidden = this.layer.options[0].disabled = pick.quantity !== "da";
    this.offer(this.unit, pick.layer, pick.unit);
    $("pick-input-field").hidden = pick.quantity !== "dW";
    if (pick.quantity === "dW") this.offer(this.input, pick.layer - 1, pick.input);
    if (this.page.mode !== "debug" || pick.quantity === "y") return;
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
    const lines = [];
    if (quantity === "dW") {
      const w = page.theta[page.model.place(l, i, j)];
      const adds = w * pass.a[l - 1][j];
      const formula = inlineMath(sym("W", l, i, j), sym("a", l - 1, j), mo("="), mnum(w, true), mo("·"), mnum(pass.a[l - 1][j], true), mo("="), mnum(adds));
      lines.push(make("p", {}, t`Forward, it adds `, formula, t` to z${raised(l)}[${i}] = `, shown(pass.z[l][i]), "."));
    }
    if (quantity === "db") {
      const b = page.theta[page.model.place(l, i, page.model.sizes[l - 1])];
      lines.push(make("p", {}, t`Forward, it adds `, shown(b), t` to z${raised(l)}[${i}] = `, shown(pass.z[l][i]), "."));
    }
    if (l === 0) return [make("dl", { class: "numbers" }, ...[["a⁰", pass.a[0][i]], ["da⁰", pass.da[0][i]]].map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, shown(value)))))];
    const numbers = [
      [`z${raised(l)}`, pass.z[l][i]],
      [`a${raised(l)}`, pass.a[l][i]],
      [page.data.layers[l - 1].mixes ? `∂a${raised(l)}[${i}]/∂z${raised(l)}[${i}]` : "f′(z)", pass.slopes[l][i]],
      [`da${raised(l)}`, pass.da[l][i]],
      [`dz${raised(l)}`, pass.dz[l][i]],
    ];
    const cells = numbers.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, shown(value))));
    lines.push(make("dl", { class: "numbers", "aria-label": t`unit ${i} of layer ${l}` }, ...cells));
    const mark = page.marks[l]?.get(i);
    if (mark) lines.push(make("p", { class: "warning" }, t`⚠ This unit ${mark}.`));
    return lines;
  }

  /** The factors from the cost down to what is picked: their names, meanings, and numbers. */
  factors(pass) {
    const { model, data, pick } = this.page;
    const { quantity, layer: l, unit: i, input: j } = pick;
    const L = model.last;
    const factors = [];
    const add = (layer, top, bottom, means, shape, numbers, product, label = String) =>
      factors.push({ layer, name: () => partial(top(), bottom()), means, shape, numbers, product, label });
    const J = () => mi("J");
    add(L, J, () => A(L), () => written(data.cost.da), `1 × ${model.sizes[L]}`, pass.da[L], pass.da[L]);
    for (let k = L; k >= 1; k--) {
      const stop = quantity === "da" && l === k;
      if (stop) break;
      const mixes = data.layers[k - 1].mixes;
      const diagonal = mixes ? "" : t`, diagonal`;
      add(k, () => A(k), () => Z(k), () => written(data.layers[k - 1].df), `${model.sizes[k]} × ${model.sizes[k]}${diagonal}`, pass.slopes[k], pass.dz[k], mixes ? (n) => `${n},${n}` : String);
      if (k === l) break;
      add(k - 1, () => Z(k), () => A(k - 1), () => W(k), `${model.sizes[k]} × ${model.sizes[k - 1]}`, this.matrix(k), pass.da[k - 1]);
    }
    if (quantity === "dW") {
      const value = pass.dW(l, i, j);
      add(l, () => Z(l), () => sym("W", l, i, j), () => sym("a", l - 1, j), "1 × 1", [pass.a[l - 1][j]], [value]);
    }
    if (quantity === "db") add(l, () => Z(l), () => sym("b", l, i), () => m("mn", "1"), "1 × 1", [1], [pass.db(l, i)]);
    return factors;
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
    const heads = ["factor", "is", "shape", "numbers", "product so far"].map((name) => make("th", { scope: "col" }, t(name)));
    const rows = factors.map((factor, k) => {
      const near = k >= factors.length - (quantity === "dW" || quantity === "db" ? 2 : 1);
      return make(
        "tr",
        {},
        make("th", { scope: "row", "aria-label": spoken(factor.name()) }, inlineMath(factor.name())),
        make("td", {}, math(factor.means())),
        make("td", {}, factor.shape),
        make("td", {}, this.some(factor, factor.numbers, near ? unit : null, factor.label)),
        make("td", {}, this.some(factor, factor.product, near ? unit : null)),
      );
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    const scrolled = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t`the factors of the chain` }, table);
    return make("div", {}, scrolled, ...this.symbols());
  }

  /** What a reader of the factors may ask: where two of them are one, and what a bracket means. */
  symbols() {
    const { data, model, pick } = this.page;
    const L = raised(model.last);
    const passed = (k) => k > pick.layer || (k === pick.layer && pick.quantity !== "da");
    const lines = [];
    if (data.pair && passed(model.last)) lines.push(t`With this cost the first two factors together are a${L} − y: the product is computed so, and holds where one of them is 0 or ∞.`);
    if (data.layers.some((layer, k) => layer.mixes && passed(k + 1))) lines.push(t`[i = j] is 1 where i and j are the same unit, and 0 elsewhere; of a matrix with i and j the diagonal is shown.`);
    if (data.layers.some((layer, k) => layer.df.includes("erfc") && passed(k + 1))) lines.push(ERFC);
    return lines.map((text) => make("p", { class: "note" }, text));
  }

  /** The sum over paths from the cost to the unit, where there are few. */
  paths(pass) {
    const { model, theta, pick } = this.page;
    const { quantity, layer: l, unit, input } = pick;
    const count = model.sizes.slice(l + 1).reduce((p, n) => p * n, 1);
    if (l === model.last) return [];
    if (count > MOST_PATHS) {
      return [make("p", { class: "note" }, t`${plural(count, "path")} lead from the cost to this unit; the product of matrices adds them up.`)];
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
      return make("li", {}, t`by units ${way}: `, inlineMath(...between(terms.map((t) => mnum(t, true)), "·"), mo("="), mnum(value)));
    });
    return [
      make("p", {}, count === 1
        ? t`One path leads from the cost to this number, a product of dz${raised(model.last)}, weights and slopes:`
        : t`As a sum over ${plural(count, "path")} from the cost, each a product of dz${raised(model.last)}, weights and slopes:`),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("paths") }, make("ul", { class: "paths" }, ...items)),
    ];
  }

  /** A matrix of weights: its numbers where it is small, a picture where it is larger. */
  matrix(l) {
    const { model, theta } = this.page;
    const [n, m] = [model.sizes[l], model.sizes[l - 1]];
    if (n > MOST_MATRIX || m > MOST_MATRIX) return n * m <= 20_000 ? heatMap(weightsOf(this.page, l), n, m, `W${raised(l)}`) : t`${n * m} weights`;
    const entries = Array.from({ length: n * m }, (_, k) => {
      const [i, j] = [Math.floor(k / m), k % m];
      const w = theta[model.place(l, i, j)];
      return make("data", { value: String(w), "data-at": `${i},${j}`, title: String(w) }, spell(w, 3));
    });
    const grid = make("div", { class: "matrix", role: "group", "aria-label": t`W${raised(l)}, ${n} by ${m}` }, ...entries);
    grid.style.gridTemplateColumns = `repeat(${m}, auto)`;
    return grid;
  }

  /** A few numbers of a layer's row: all of a small one, of a wide one those of the picture's units. */
  some(factor, values, unit, label = String) {
    if (typeof values === "string" || values instanceof Node) return values;
    if (values.length === 1) return shown(values[0]);
    const order = values.length <= 4 ? [...values.keys()] : unit !== null ? [unit] : this.page.picture.shown[factor.layer].slice(0, 4);
    const parts = order.flatMap((i) => [make("span", { class: i === unit ? "entry picked" : "entry" }, `[${label(i)}] `, shown(values[i], 4)), " "]);
    const rest = values.length - order.length;
    return make("span", {}, ...parts, rest ? make("span", { class: "note" }, t`… ${rest} more`) : null);
  }

  /** The gradient, the numerical derivative beside it, and the mean over all samples. */
  result(pass) {
    const { page } = this;
    const { quantity, layer: l, unit: i, input: j } = page.pick;
    const compared = sideBySide(page.model, page.theta, pass, page.pick);
    const line = make("div", { class: "result" },
      make("p", {}, inlineMath(this.goal(), mo("=")), " ", make("strong", { id: "pick-value" }, shown(compared.gradient, 8))),
      make("p", {}, t`numerical derivative `, make("span", { id: "pick-numerical" }, shown(compared.value, 8)), ` ± ${spell(compared.error, 2)}: `,
        make("strong", { id: "pick-verdict", class: compared.agrees ? "good" : "bad" }, compared.words)),
    );
    const lines = [line];
    const survey = page.survey;
    if (survey && (quantity === "dW" || quantity === "db")) {
      const k = page.model.place(l, i, quantity === "dW" ? j : page.model.sizes[l - 1]);
      const penalised = page.data.l1 || page.data.l2 ? t`, penalties included` : "";
      lines.push(make("p", { class: "note" }, t`Over the ${plural(page.X.length, "sample")} of this page${penalised}, the mean is `, shown(survey.gradient[k]), "."));
    }
    return lines;
  }
}

/** A derivative in words, for a screen reader. */
const spoken = (fraction) => Array.from(fraction.children, (part) => part.textContent).join(t` by `);
