// What every unit does over the inputs: heat maps and curves, and the boundary with the points.

const GRID = 24;
const NOTHING = new Float64Array(0);

class Maps {
  constructor(page) {
    this.page = page;
    const { model, data } = page;
    this.small = model.sizes[0] <= 2;
    this.canvas = make("canvas", { width: GRID, height: GRID });
    this.columns = [0, Math.min(1, model.sizes[0] - 1)];
    for (const axis of [0, 1]) {
      const select = $(`map-column-${axis}`);
      for (let j = 0; j < model.sizes[0]; j++) select.append(make("option", { value: j }, data.inputs[j] === undefined ? `x[${j}]` : clip(data.inputs[j])));
      select.value = String(this.columns[axis]);
      select.addEventListener("change", () => {
        this.columns[axis] = Number(select.value);
        this.update(true);
      });
    }
    const output = $("map-output");
    for (let i = 0; i < model.sizes[model.last]; i++) output.append(make("option", { value: i }, data.outputs[i] === undefined ? `ŷ[${i}]` : clip(data.outputs[i])));
    output.addEventListener("change", () => this.update(true));
    $("map-columns").hidden = this.small && model.sizes[model.last] === 1;
    for (const label of document.querySelectorAll("#map-columns .axis")) label.hidden = this.small;
    $("map-output-field").hidden = model.sizes[model.last] === 1;
    $("map").addEventListener("click", (event) => this.choose(event));
  }

  /** The range of an input over the page's rows, with a margin. */
  span(j) {
    const values = this.page.X.map((x) => x[j]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = (high - low || 1) * 0.15;
    return [low - margin, high + margin];
  }

  /** a of every layer with the two chosen columns elsewhere, the rest at the sample's values. */
  outputsAt(u, v, x, z) {
    const { model, theta } = this.page;
    const values = this.columns.map((j, axis) => this.spans[axis][0] + (axis ? v : u) * (this.spans[axis][1] - this.spans[axis][0]));
    // Of z¹ only what the two columns add is another.
    const first = z.slice();
    for (const axis of this.columns[0] === this.columns[1] ? [0] : [0, 1]) {
      const j = this.columns[axis];
      const by = values[axis] - x[j];
      const place = model.place(1, 0, j);
      for (let i = 0; i < first.length; i++) first[i] += by * theta[place + i];
    }
    return model.forward(theta, NOTHING, first).a;
  }

  update(large) {
    const { page } = this;
    const { model } = page;
    this.spans = [this.span(this.columns[0]), this.span(this.columns[1])];
    const curve = model.sizes[0] === 1;
    const count = curve ? 60 : GRID * GRID;
    const x = page.X[page.row];
    const z = model.weigh(page.theta, 1, x);
    const outputs = [];
    for (let k = 0; k < count; k++) {
      const [u, v] = curve ? [k / (count - 1), 0] : [((k % GRID) + 0.5) / GRID, 1 - (Math.floor(k / GRID) + 0.5) / GRID];
      outputs.push(this.outputsAt(u, v, x, z));
    }
    if (this.small) this.thumbs(outputs, curve);
    if (large) this.large(outputs, curve);
  }

  thumbs(outputs, curve) {
    const { picture, model } = this.page;
    for (let l = 1; l <= model.last; l++) {
      picture.shown[l].forEach((unit, k) => {
        const box = picture.units.get(`map-${l}-${k}`);
        if (!box) return;
        const values = outputs.map((a) => a[l][unit]);
        const known = picture.known(`a-${l}`);
        box.classList.toggle("cr-hidden", !known);
        if (known) fill(box, ...this.thumb(box, values, curve, l));
      });
    }
  }

  thumb(box, values, curve, l) {
    box.dataset.place ??= JSON.stringify(this.page.data.maps[box.dataset.key]);
    const [x, y, size] = JSON.parse(box.dataset.place);
    const frame = svgElement("rect", { x, y, width: size, height: size, class: "cr-map" });
    if (!curve) return [svgElement("image", { x, y, width: size, height: size, preserveAspectRatio: "none", href: this.paint(values, l) }), frame];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const d = values.map((v, k) => `${k ? "L" : "M"}${(x + (size * k) / (values.length - 1)).toFixed(1)} ${(y + size - 3 - ((size - 6) * (v - low)) / (high - low || 1)).toFixed(1)}`).join("");
    return [frame, svgElement("path", { d, class: "cr-curve" })];
  }

  /** Colours of values around the middle of the activation's range, as a small picture. */
  paint(values, l) {
    const [low, high] = this.page.data.layers[l - 1].range;
    const middle = low === null || high === null ? 0 : (low + high) / 2;
    const reach = low === null || high === null ? Math.max(...values.map((v) => Math.abs(v)).filter(Number.isFinite), 1e-12) : (high - low) / 2;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(GRID, GRID);
    values.forEach((v, k) => image.data.set(colourOf((v - middle) / reach), 4 * k));
    context.putImageData(image, 0, 0);
    return this.canvas.toDataURL();
  }

  /** The map of the card: the output over two inputs with the rows as points, or a curve. */
  large(outputs, curve) {
    const { page } = this;
    const { model } = page;
    const unit = Number($("map-output").value) || 0;
    const values = outputs.map((a) => a[model.last][unit]);
    const picture = svgElement("svg", { viewBox: "0 0 240 180", role: "img", "aria-label": t`the prediction over the inputs, with the rows of this page` });
    if (curve) picture.append(...this.curve(values));
    else picture.append(svgElement("image", { x: 0, y: 0, width: 240, height: 180, preserveAspectRatio: "none", href: this.paint(values, model.last) }));
    const [p, q] = this.columns;
    const place = (x, y) => [
      (240 * (x[p] - this.spans[0][0])) / (this.spans[0][1] - this.spans[0][0]),
      curve ? this.height(y[unit]) : 180 - (180 * (x[q] - this.spans[1][0])) / (this.spans[1][1] - this.spans[1][0]),
    ];
    page.X.forEach((x, r) => {
      const [cx, cy] = place(x, page.Y[r]);
      const high = page.Y[r][unit] > 0.5;
      const classes = `point${r === page.row ? " here" : ""}${page.samples.wrong(r) ? " wrong" : ""}`;
      const shape = high ? { r: 4.5, cx, cy } : { x: cx - 4, y: cy - 4, width: 8, height: 8 };
      picture.append(svgElement(high ? "circle" : "rect", { ...shape, class: classes, "data-row": r }));
    });
    fill($("map"), picture);
  }

  height(value) {
    const [low, high] = this.ends;
    return 172 - (164 * (value - low)) / (high - low || 1);
  }

  curve(values) {
    const targets = this.page.Y.map((y) => y[Number($("map-output").value) || 0]);
    this.ends = [Math.min(...values, ...targets), Math.max(...values, ...targets)];
    const d = values.map((v, k) => `${k ? "L" : "M"}${((240 * k) / (values.length - 1)).toFixed(1)} ${this.height(v).toFixed(1)}`).join("");
    return [svgElement("path", { d, class: "cr-curve" })];
  }

  choose(event) {
    const row = event.target.closest("[data-row]");
    if (row) this.page.setRow(Number(row.dataset.row));
  }
}
