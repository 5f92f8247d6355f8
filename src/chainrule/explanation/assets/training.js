// Training live: one step, one epoch, play; scrubbing through what was recorded; the curve of J.

const MOST_FRAMES = 200;
// A frame of the screen leaves this many milliseconds to training; the rest is for drawing.
const BUDGET = 7;
// The kernels may differ by so much from the functions shown: rounding in float64, and no more.
const AGREEMENT = 1e-12;

class Training {
  constructor(page) {
    this.page = page;
    this.frames = page.snapshots.map(({ epoch, name, theta }) => ({ epoch, name, theta }));
    this.recorded = this.frames.length;
    if (!this.frames.length) this.frames = [{ epoch: page.data.history.cost.length, name: page.thetaName, theta: page.trained }];
    this.at = this.frames.length - 1;
    this.epoch = this.frames[this.at].epoch;
    this.costs = page.data.history.cost.map((J, k) => ({ epoch: k + 1, J }));
    this.running = null;
    this.script = new Script(page.model);
    this.kernels = null;
    for (const name of Object.keys(page.data.optimizers)) $("optimizer").append(make("option", { value: name }, name.replaceAll("_", " ")));
    const { optimizer, learning_rate: rate, batch_size: batch } = page.data.training;
    $("optimizer").value = optimizer;
    if (rate) $("rate").value = String(rate);
    for (const size of new Set([1, 8, 32, page.X.length, Math.min(batch || page.X.length, page.X.length)].filter((n) => n <= page.X.length).sort((p, q) => p - q))) {
      $("batch").append(make("option", { value: size }, size === page.X.length ? t`all ${size}` : String(size)));
    }
    $("batch").value = String(Math.min(batch || page.X.length, page.X.length));
    this.reset();
    $("optimizer").addEventListener("change", () => this.reset());
    $("rate").addEventListener("input", () => this.page.changed());
    $("epoch").addEventListener("input", () => this.show(Number($("epoch").value)));
    $("train").addEventListener("click", () => this.play());
    $("descend").addEventListener("click", () => this.one());
    $("one-epoch").addEventListener("click", () => this.one($("batch").value < page.X.length));
    $("restore").addEventListener("click", () => this.restore());
  }

  /** Train by the compiled kernels from the next beginning on, if they agree with what is shown. */
  async compile() {
    const { page } = this;
    let sentence;
    try {
      const kernels = await Kernels.compiled(await inflated($("kernels").textContent), page.data);
      const off = this.difference(kernels);
      if (!(off <= AGREEMENT)) throw new Error(t`the compiled kernels differ from the functions shown by ${spell(off, 2)}`);
      this.kernels = kernels;
      if (this.running === null && this.steps === 0) this.reset();
      sentence = t`Training runs on the package's own kernels, compiled to WebAssembly. Their J and gradient of these rows differ from the functions shown by at most ${spell(off, 2)}.`;
    } catch (error) {
      sentence = t`Training runs on this page's script, which is slower: ${error.message}.`;
    }
    $("engine-words").textContent = sentence;
    document.body.dataset.engine = this.kernels ? "kernels" : "script";
  }

  /** The largest difference of J and of its gradient over the rows, as a share of what is above 1. */
  difference(kernels) {
    const { trained, given } = this.page;
    const rows = [...given.X.keys()];
    const [ours, theirs] = [this.script, kernels].map((engine) => {
      engine.setRows(given.X, given.Y);
      const { J, gradient } = engine.evaluate(trained, rows, true);
      return [J, ...gradient];
    });
    return ours.reduce((most, v, k) => Math.max(most, Math.abs(v - theirs[k]) / Math.max(1, Math.abs(v))), 0);
  }

  /** Begin anew: the optimizer remembers no velocities and no mean squares. */
  reset() {
    this.engine = this.kernels ?? this.script;
    this.engine.setOptimizer($("optimizer").value, this.page.data.optimizers[$("optimizer").value]);
    this.steps = 0;
    this.queue = [];
    this.pace = 1;
  }

  say(words) {
    $("training-words").textContent = words;
  }

  /** η of the field; null where it is empty, and found by halving; undefined where it is no number. */
  eta() {
    const words = $("rate").value.trim();
    if (words === "") return null;
    const eta = Number(words);
    return eta > 0 && Number.isFinite(eta) ? eta : undefined;
  }

  show(k) {
    this.pause();
    this.at = k;
    const { theta, name, epoch } = this.frames[k];
    this.epoch = epoch;
    this.reset();
    this.page.setTheta(theta, name);
  }

  restore() {
    this.pause();
    this.reset();
    this.at = Math.max(0, this.recorded - 1);
    this.frames.length = Math.max(1, this.recorded);
    this.epoch = this.frames[this.at].epoch;
    this.costs = this.page.data.history.cost.map((J, k) => ({ epoch: k + 1, J }));
    this.say("");
    this.page.restore();
  }

  play() {
    if (this.running !== null) return this.pause();
    if (!this.ready()) return;
    this.page.remember("training");
    $("train").textContent = t`❚❚ pause`;
    $("train").setAttribute("aria-pressed", "true");
    const frame = () => {
      this.running = requestAnimationFrame(frame);
      if (this.advance(BUDGET)) this.publish(true);
    };
    this.running = requestAnimationFrame(frame);
  }

  /** Steps for so many milliseconds, and no further than the end of the epoch. */
  advance(milliseconds) {
    const start = performance.now();
    let moved = false;
    let spent = 0;
    do {
      moved = this.step(Math.floor(this.pace)) || moved;
      const now = performance.now() - start;
      // A call is to take about a third of the time: a few calls show how long one step is.
      this.pace = Math.max(1, (this.pace * milliseconds) / 3 / Math.max(now - spent, 0.1));
      spent = now;
    } while (this.running !== null && spent < milliseconds && this.queue.length);
    return moved;
  }

  pause() {
    if (this.running === null) return;
    cancelAnimationFrame(this.running);
    this.running = null;
    $("train").textContent = t`▶ train`;
    $("train").setAttribute("aria-pressed", "false");
    this.page.setTheta(this.page.theta, this.page.thetaName);
  }

  /** Whether a step can be taken from here; says why not otherwise. */
  ready() {
    if (this.eta() === undefined) return this.say(t`The learning rate must be a number above 0, or empty.`), false;
    if (this.eta() === null && $("optimizer").value !== "gradient_descent") {
      return this.say(t`Give a learning rate: ${$("optimizer").value} has no step to be found by halving.`), false;
    }
    const gradient = this.page.surveyNow().gradient;
    const norm2 = gradient.reduce((sum, g) => sum + g * g, 0);
    if (!Number.isFinite(norm2)) return this.say(t`The gradient is not finite: no step can be taken from here.`), false;
    if (norm2 === 0) return this.say(t`The gradient is 0: J cannot fall from here.`), false;
    return true;
  }

  /** One step, or all the steps of an epoch, and a sentence on what J did. */
  one(epoch = false) {
    this.pause();
    if (!this.ready()) return;
    const { page } = this;
    page.remember(t`a step`);
    const before = page.surveyNow().J;
    do this.step(); while (epoch && this.queue.length);
    this.publish(false);
    const J = page.surveyNow().J;
    const by = before - J;
    const way = by > 0 ? t`fell by ${spell(by, 4)}` : by === 0 ? t`did not change` : t`ROSE by ${spell(-by, 4)}: the learning rate is too large here`;
    this.say(t`${epoch ? t`Epoch ${this.epoch}` : t`Step ${this.steps}`} with learning rate ${spell(this.used, 4)}: J went from ${spell(before, 6)} to ${spell(J, 6)}; it ${way}.`);
    page.render();
  }

  /** Updates of theta on the next batches, as many as `most`; false where none led to finite numbers. */
  step(most = 1) {
    const { page } = this;
    const eta = this.eta();
    if (eta === undefined) return false;
    const batch = Number($("batch").value);
    if (!this.queue.length) this.queue = batch === page.X.length ? [...page.X.keys()] : shuffled(page.X.length, this.epoch);
    this.engine.setRows(page.X, page.Y);
    const byGradient = page.fault !== null || eta === null;
    const rows = this.queue.splice(0, byGradient ? batch : most * batch);
    this.used = eta;
    const { steps, theta } = byGradient ? this.stepFrom(rows, eta) : this.engine.train(page.theta, rows, batch, eta, this.steps);
    this.steps += steps;
    if (steps) page.theta = theta;
    if (steps < Math.ceil(rows.length / batch) || !allFinite(theta)) {
      this.say(t`The step leads to numbers that are not finite: the learning rate is too large here.`);
      this.pause();
      return steps > 0;
    }
    if (!this.queue.length) this.epoch += 1;
    return true;
  }

  /** A step from a gradient with a mistake in it, or of a length to be found. */
  stepFrom(rows, eta) {
    const { page } = this;
    const gradient = page.fault
      ? page.model.gradient(page.theta, page.X, page.Y, rows, page.fault)
      : this.engine.evaluate(page.theta, rows, true).gradient;
    this.used = eta ?? this.halved(gradient, rows);
    return this.engine.step(page.theta, gradient, this.used, this.steps);
  }

  /** A learning rate from 1 on, halved until J of the rows falls as the gradient promises. */
  halved(gradient, rows, engine = this.engine) {
    const { X, Y, theta } = this.page;
    engine.setRows(X, Y);
    const norm2 = gradient.reduce((sum, g) => sum + g * g, 0);
    const before = engine.evaluate(theta, rows).J;
    let eta = 1;
    const J = () => engine.evaluate(theta.map((v, k) => v - eta * gradient[k]), rows).J;
    for (let k = 0; k < 60 && !(J() < before - 0.25 * eta * norm2); k++) eta /= 2;
    return eta;
  }

  /** Keep a frame, thinned evenly, and let the page show it. */
  publish(live) {
    const { page } = this;
    const name = t`epoch ${this.epoch}, trained here`;
    this.frames.length = this.at + 1;
    this.frames.push({ epoch: this.epoch, name, theta: page.theta });
    if (this.frames.length > MOST_FRAMES + this.recorded) {
      this.frames = this.frames.filter((_, k) => k < this.recorded || k % 2 === 0 || k === this.frames.length - 1);
    }
    this.at = this.frames.length - 1;
    page.thetaName = name;
    page.survey = null;
    if (live) page.renderLive();
    else page.setTheta(page.theta, name);
    // Looking at every row each frame would cost more than the training itself.
    if (live && page.live % 5) return;
    const J = live ? this.engine.evaluate(page.theta, [...page.X.keys()]).J : page.meanCost();
    $("mean-cost").replaceChildren(shown(J, 6));
    this.costs = this.costs.filter((one) => one.epoch < this.epoch || one.epoch <= page.data.history.cost.length);
    this.costs.push({ epoch: this.epoch, J });
    if (this.costs.length > 2 * MOST_FRAMES) this.costs = this.costs.filter((_, k) => k % 2 === 0);
    this.update();
  }

  update() {
    const { page } = this;
    const slider = $("epoch");
    slider.max = String(this.frames.length - 1);
    slider.value = String(this.at);
    slider.disabled = this.frames.length < 2;
    slider.setAttribute("aria-valuetext", page.thetaName);
    $("theta-name").textContent = page.thetaName;
    $("restore").disabled = !page.edited();
    this.curve();
  }

  /** The curve of J over the epochs: recorded, and trained here; a mark at the epoch shown. */
  curve() {
    const { validation } = this.page.data.history;
    const costs = this.costs.filter((one) => Number.isFinite(one.J) && one.J !== null);
    const frame = $("curve");
    frame.hidden = costs.length < 2;
    if (costs.length < 2) return;
    const values = [...costs.map((one) => one.J), ...validation.filter((v) => v !== null)];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const end = Math.max(costs[costs.length - 1].epoch, 1);
    const x = (epoch) => 4 + (epoch * 172) / end;
    const y = (v) => 38 - (34 * (v - low)) / (high - low || 1);
    const line = (points) => points.map(([epoch, v], k) => `${k ? "L" : "M"}${x(epoch).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const words = t`J over ${plural(end, "epoch")}, from ${spell(costs[0].J, 4)} to ${spell(costs[costs.length - 1].J, 4)}`;
    const picture = svgElement("svg", { viewBox: "0 0 180 42", role: "img", "aria-label": words });
    picture.append(
      svgElement("line", { x1: x(this.epoch), x2: x(this.epoch), y1: 2, y2: 40, class: "mark" }),
      svgElement("path", { d: line(costs.map((one) => [one.epoch, one.J])), class: "cost" }),
      svgElement("path", { d: line(validation.map((v, k) => [k + 1, v]).filter(([, v]) => v !== null)), class: "validation" }),
    );
    fill(frame, picture);
    frame.title = words + (validation.length ? t`; validation is dashed` : "");
  }
}

/** Save theta as it is now, layer by layer, as JSON: W (n_l rows of n_{l-1}) and b. */
function saveWeights(page) {
  const { model, theta } = page;
  const layers = page.data.layers.map(({ spec }, k) => {
    const [n, m] = [model.sizes[k + 1], model.sizes[k]];
    const row = (i, count) => Array.from({ length: count }, (_, j) => theta[model.place(k + 1, i, j)]);
    return { activation: spec, W: Array.from({ length: n }, (_, i) => row(i, m)), b: Array.from({ length: n }, (_, i) => theta[model.place(k + 1, i, m)]) };
  });
  const words = JSON.stringify({ sizes: model.sizes, cost: page.data.cost.spec, layers }, null, 1);
  const link = make("a", { href: URL.createObjectURL(new Blob([words], { type: "application/json" })), download: "weights.json" });
  link.click();
  URL.revokeObjectURL(link.href);
}

function allFinite(values) {
  for (let k = 0; k < values.length; k++) if (values[k] - values[k] !== 0) return false;
  return true;
}

/** The numbers 0 to n - 1 in an order that the epoch decides. */
function shuffled(n, epoch) {
  const order = [...Array(n).keys()];
  let seed = (epoch * 2654435761 + 1) >>> 0;
  for (let k = n - 1; k > 0; k--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const other = seed % (k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}
