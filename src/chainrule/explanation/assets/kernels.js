// Training by the package's own kernels, compiled to WebAssembly; where there are none, by script.

const TABLES = { activations: 0, costs: 1, optimizers: 2 };
const MOST_SETTINGS = 4;

/** The name of a spec such as "huber(1.0)", and its settings. */
function specOf(spec) {
  const [, name, settings] = spec.match(/^(\w+)(?:\((.*)\))?$/) ?? [null, spec, null];
  return { name, settings: settings ? settings.split(",").map(Number) : [] };
}

/** The kernels on one network and the rows of a page; made by `Kernels.compiled`. */
class Kernels {
  /** Compile the kernels; throws where the browser cannot, or where they lack a part of the network. */
  static async compiled(bytes, data) {
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Kernels(instance.exports, data);
  }

  constructor(wasm, data) {
    this.wasm = wasm;
    this.data = data;
    const { sizes, layers, cost } = data;
    const last = sizes.length - 1;
    const { settings } = specOf(cost.spec);
    // Smoothing of labels is in the page's targets already.
    const setting = cost.spec.startsWith("cross_entropy") ? 0 : (settings[0] ?? 0);
    if (!wasm.set_problem(last, this.number("costs", cost.spec), setting, Boolean(data.pair), data.l1, data.l2)) throw new Error(t`no memory`);
    this.count = 0;
    layers.forEach(({ spec }, l) => {
      wasm.set_layer(l, sizes[l], sizes[l + 1], this.number("activations", spec), specOf(spec).settings[0] ?? 0);
      this.count += (sizes[l] + 1) * sizes[l + 1];
    });
    this.places = { theta: this.take(this.count), state: this.take(2 * this.count), gradient: this.take(this.count), settings: this.take(MOST_SETTINGS) };
  }

  take(count) {
    const place = this.wasm.take(8 * count);
    if (!place) throw new Error(t`no memory`);
    return place;
  }

  /** Numbers in the kernels' memory; a view, which ends when that memory grows. */
  floats(name, count) {
    return new Float64Array(this.wasm.memory.buffer, this.places[name], count);
  }

  words(pointer) {
    const bytes = new Uint8Array(this.wasm.memory.buffer, pointer);
    return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
  }

  /** Name and names of settings of a table's entry; null behind the last. */
  entry(table, number) {
    const place = this.wasm.entry(TABLES[table], number);
    if (!place) return null;
    const [name, settings] = new Uint32Array(this.wasm.memory.buffer, place, 2);
    return { name: this.words(name), settings: this.words(settings).split(" ").filter(Boolean) };
  }

  /** The number of a spec in one of the kernels' tables. */
  number(table, spec) {
    const { name } = specOf(spec);
    for (let number = 0, entry; (entry = this.entry(table, number)); number++) if (entry.name === name) return number;
    throw new Error(t`the kernels have no ${name}`);
  }

  /** Take the page's rows over, as they are now; a row that was moved is another array. */
  setRows(X, Y) {
    const { sizes } = this.data;
    if (this.rows !== X.length) {
      this.rows = X.length;
      this.present = { X: [], Y: [] };
      const last = sizes.length - 1;
      for (const [name, count] of [["X", this.rows * sizes[0]], ["Y", this.rows * sizes[last]], ["order", this.rows], ["rates", this.rows], ["costs", this.rows], ["squares", this.rows * last]]) {
        this.places[name] = this.take(count);
      }
    }
    for (const [name, rows] of [["X", X], ["Y", Y]]) {
      const into = this.floats(name, this.rows * rows[0].length);
      rows.forEach((row, r) => row === this.present[name][r] || into.set(row, r * row.length));
      this.present[name] = [...rows];
    }
    this.wasm.set_rows(this.places.X, this.places.Y, this.rows);
  }

  /** Choose an optimizer, which remembers nothing yet. */
  setOptimizer(name, settings) {
    const number = this.number("optimizers", name);
    this.entry("optimizers", number).settings.forEach((setting, k) => (this.floats("settings", MOST_SETTINGS)[k] = settings[setting]));
    this.wasm.set_optimizer(number, this.places.settings);
    this.floats("state", 2 * this.count).fill(0);
  }

  order(rows) {
    new BigInt64Array(this.wasm.memory.buffer, this.places.order, rows.length).set(rows.map(BigInt));
  }

  /** J over rows and, if asked for, its gradient; penalties included. */
  evaluate(theta, rows, withGradient = false) {
    this.floats("theta", this.count).set(theta);
    this.order(rows);
    const J = this.wasm.evaluate(this.places.theta, this.places.order, rows.length, withGradient ? this.places.gradient : 0);
    return { J, gradient: withGradient ? this.floats("gradient", this.count).slice() : null };
  }

  /** A step for each batch of the rows; how many led to finite numbers, and the last of these. */
  train(theta, rows, batch, rate, first) {
    this.floats("theta", this.count).set(theta);
    this.order(rows);
    this.floats("rates", Math.ceil(rows.length / batch)).fill(rate);
    const { places } = this;
    const steps = this.wasm.train(places.theta, places.state, places.order, rows.length, batch, places.rates, first, places.costs, places.squares);
    return { steps, theta: this.floats("theta", this.count).slice() };
  }

  /** A step from a gradient, which has the penalties' already. */
  step(theta, gradient, rate, first) {
    this.floats("theta", this.count).set(theta);
    this.floats("gradient", this.count).set(gradient);
    const finite = this.wasm.step(this.places.theta, this.places.state, this.places.gradient, rate, first);
    return { steps: Number(finite), theta: this.floats("theta", this.count).slice() };
  }
}

/** The same by the page's own functions, where the kernels cannot run. */
class Script {
  constructor(model) {
    this.model = model;
  }

  setRows(X, Y) {
    Object.assign(this, { X, Y });
  }

  setOptimizer(name, settings) {
    Object.assign(this, { name, settings, state: freshState(this.model.offsets.at(-1)) });
  }

  evaluate(theta, rows, withGradient = false) {
    const [x, y] = [rows.map((r) => this.X[r]), rows.map((r) => this.Y[r])];
    return { J: this.model.meanCost(theta, x, y), gradient: withGradient ? this.model.gradient(theta, x, y) : null };
  }

  train(theta, rows, batch, rate, first) {
    let steps = 0;
    for (let k = 0; k < rows.length; k += batch) {
      const next = this.step(theta, this.model.gradient(theta, this.X, this.Y, rows.slice(k, k + batch)), rate, first + steps);
      if (!next.steps) break;
      steps += 1;
      theta = next.theta;
    }
    return { steps, theta };
  }

  step(theta, gradient, rate, first) {
    const next = OPTIMIZERS[this.name](theta, gradient, this.state, rate, first + 1, this.settings, (k) => !this.model.isBias(k));
    return next.every(Number.isFinite) ? { steps: 1, theta: next } : { steps: 0, theta };
  }
}
