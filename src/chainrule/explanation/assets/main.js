// The page: its state, and what happens when something is chosen.

class Page {
  constructor(data, functions, arrays) {
    this.data = data;
    this.model = new Model(data, functions);
    this.trained = arrays.theta;
    this.theta = arrays.theta;
    this.thetaName = "the model's own";
    this.X = rowsOf(arrays.X, data.sizes[0]);
    this.Y = rowsOf(arrays.Y, data.sizes[this.model.last]);
    this.given = { X: [...this.X], Y: [...this.Y] };
    this.snapshots = data.snapshots
      ? data.snapshots.epochs.map((epoch, k) => ({ epoch, name: data.snapshots.names[k], theta: arrays.snapshots.subarray(k * this.theta.length, (k + 1) * this.theta.length) }))
      : [];
    if (this.snapshots.length) this.snapshots[this.snapshots.length - 1].theta = this.trained;
    Object.assign(this, { row: data.start, at: 0, level: "layers", mode: "read", timer: null, survey: null, marks: [], before: null, undone: [], fault: null, exercise: false, wrongBox: null, only: null, live: 0 });
    unitTable.page = this;
    this.steps = stepsOf(data);
    this.pick = this.firstPick();
    this.picked = false;
    this.picture = new Picture(this);
    this.chain = new Chain(this);
    this.held = new Hold(this);
    this.maps = new Maps(this);
    this.debug = new Debug(this);
    this.training = new Training(this);
    this.reader = new Reader(this);
    this.wire();
    applyAddress(this, (this.data.at ? `${this.data.at}&` : "") + location.hash.slice(1));
    this.show();
    this.later();
  }

  /** The weight with the largest gradient of the first layer: never one that stands still. */
  firstPick() {
    const { dz, a } = this.model.passes(this.theta, this.X[this.row], this.Y[this.row]);
    const largest = (values) => values.reduce((top, v, i) => (Math.abs(v) > Math.abs(values[top]) ? i : top), 0);
    return { quantity: "dW", layer: 1, unit: largest(dz[1]), input: largest(a[0]) };
  }

  wire() {
    const on = (id, action, name = "click") => $(id).addEventListener(name, action);
    on("sample", () => this.setRow(Number($("sample").value)), "change");
    on("by-cost", () => this.offerRows(), "change");
    on("sample-before", () => this.nextRow(-1));
    on("sample-next", () => this.nextRow(1));
    on("first", () => this.goTo(0));
    on("back", () => this.goTo(this.at - 1));
    on("next", () => this.forwards());
    on("last", () => this.goTo(this.steps.length - 1));
    on("play", () => this.play());
    on("turn", () => this.goTo(this.steps.findIndex((step) => step.title.startsWith("Backward"))));
    on("undo", () => this.undo());
    for (const level of ["layers", "units"]) on(`show-${level}`, () => this.showLevel(level));
    for (const mode of ["read", "play", "debug"]) on(`tab-${mode}`, () => this.showMode(mode));
    on("handout", () => this.print(false));
    on("worksheet", () => this.print(true));
    $("layers-picture").addEventListener("click", (event) => this.jump(Hold.key(event)));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("beforeprint", () => $("paper").childElementCount || layOutPaper(this, false));
    window.addEventListener("afterprint", () => fill($("paper")));
    window.addEventListener("hashchange", () => {
      if (location.hash.slice(1) === addressOf(this)) return;
      applyAddress(this, location.hash.slice(1));
      this.show();
    });
  }

  print(worksheet) {
    layOutPaper(this, worksheet);
    window.print();
  }

  jump(key) {
    if (this.guess(key)) return;
    const given = this.steps.findIndex((step) => step.gives.includes(key));
    const index = given >= 0 ? given : this.steps.findIndex((step) => step.lit.includes(key));
    if (index >= 0) this.goTo(index);
  }

  key(event) {
    if (event.altKey || event.defaultPrevented) return;
    const field = event.target.closest("input, select, textarea");
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !field) {
      event.preventDefault();
      return this.undo();
    }
    if (event.ctrlKey || event.metaKey || field) return;
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (way && this.picked && editable(this.pick) && !event.target.closest("[role=tabpanel], summary")) {
      event.preventDefault();
      return this.held.nudge(way, event.shiftKey);
    }
    if (event.target.closest("[role=tab]") && event.key.startsWith("Arrow")) return this.turnTab(event);
    const pressed = event.target.closest("button, summary, a");
    if (event.key === " " && !pressed) {
      event.preventDefault();
      return this.play();
    }
    const moves = { ArrowRight: () => this.forwards(), ArrowLeft: () => this.goTo(this.at - 1), Home: () => this.goTo(0), End: () => this.goTo(this.steps.length - 1) };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }

  turnTab(event) {
    const modes = ["read", "play", "debug"];
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    this.showMode(modes[(modes.indexOf(this.mode) + way + 3) % 3]);
    $(`tab-${this.mode}`).focus();
  }

  /** Show the state as it is: level, mode, and all numbers. */
  show() {
    this.pass = null;
    this.showLevel(this.level);
    this.showMode(this.mode);
    this.render();
  }

  showLevel(level) {
    this.level = level;
    for (const name of ["layers", "units"]) {
      $(`${name}-picture`).hidden = name !== level;
      $(`show-${name}`).setAttribute("aria-pressed", String(name === level));
    }
    this.picture.fit();
    if (this.pass) this.picture.light(this.steps, this.at);
    this.changed();
  }

  showMode(mode) {
    this.mode = mode;
    for (const name of ["read", "play", "debug"]) {
      $(`panel-${name}`).hidden = name !== mode;
      $(`tab-${name}`).setAttribute("aria-selected", String(name === mode));
      $(`tab-${name}`).tabIndex = name === mode ? 0 : -1;
    }
    $("pick").hidden = mode === "read";
    if (this.pass) this.render();
  }

  setRow(row) {
    this.row = Math.max(0, Math.min(row, this.X.length - 1));
    this.before = null;
    this.render();
  }

  nextRow(way) {
    const select = $("sample");
    const index = select.selectedIndex + way;
    if (index >= 0 && index < select.options.length) this.setRow(Number(select.options[index].value));
  }

  goTo(at) {
    this.at = Math.max(0, Math.min(at, this.steps.length - 1));
    this.renderStep();
    this.changed();
  }

  /** The next step; after the update the new parameters hold, and forward begins again. */
  forwards() {
    if (this.at < this.steps.length - 1) return this.goTo(this.at + 1);
    this.remember("the update");
    const { updated } = this.update();
    this.at = 0;
    this.iteration = (this.iteration ?? 0) + 1;
    this.setTheta(updated, `after ${plural(this.iteration, "update")} on single samples`);
  }

  play() {
    if (this.timer !== null) return this.pause();
    if (this.at === this.steps.length - 1) this.goTo(0);
    $("play").textContent = "❚❚ pause";
    this.timer = setInterval(() => {
      if (this.at < this.steps.length - 1) this.goTo(this.at + 1);
      if (this.at === this.steps.length - 1) this.pause();
    }, 1400);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    $("play").textContent = "▶ play";
  }

  isPicked({ quantity, layer, unit, input }) {
    const { pick } = this;
    return this.picked && pick.quantity === quantity && pick.layer === layer && pick.unit === unit && pick.input === input;
  }

  /** Pick a number: its card opens, and the hand can move it. */
  hold(pick) {
    if (!this.isPicked(pick)) this.before = null;
    this.pick = pick;
    this.picked = true;
    if (this.mode === "read") this.showMode("play");
    else this.render();
    this.picture.follow([this.picture.keyOf(pick)], "units");
  }

  guess(place) {
    return this.debug.guess(place);
  }

  /** Where a mistake would show at this sample: the first wrong box on the way back. */
  findWrong(fault) {
    const pass = this.passOf(fault);
    const right = this.passOf(null);
    return faultyBox(this.model, this.theta, pass, (l) => this.picture.telling(right, l))?.key ?? null;
  }

  setFault(fault) {
    this.fault = fault;
    this.survey = null;
    this.render();
    this.later();
  }

  passOf(fault) {
    return this.model.passes(this.theta, this.X[this.row], this.Y[this.row], fault && withOther(fault, this.X, this.row));
  }

  setTheta(theta, name) {
    this.theta = theta;
    this.thetaName = name;
    this.survey = null;
    this.render();
    this.later();
  }

  /** Keep what can be undone. */
  remember(name) {
    this.undone.push({ name, theta: this.theta, thetaName: this.thetaName, X: [...this.X], Y: [...this.Y] });
    if (this.undone.length > 50) this.undone.shift();
  }

  undo() {
    const last = this.undone.pop();
    if (!last) return;
    this.training.pause();
    this.before = null;
    Object.assign(this, { X: last.X, Y: last.Y });
    this.setTheta(last.theta, last.thetaName);
  }

  edited() {
    return this.theta !== this.trained || this.X.some((x, r) => x !== this.given.X[r]) || this.Y.some((y, r) => y !== this.given.Y[r]);
  }

  restore() {
    this.remember("the model's own");
    this.before = null;
    Object.assign(this, { X: [...this.given.X], Y: [...this.given.Y] });
    this.setTheta(this.trained, "the model's own");
  }

  etaGiven() {
    return typeof this.training.eta() === "number";
  }

  /** The update on this one sample: η, and theta after it. */
  update() {
    if (this.updateFor?.pass === this.pass && this.updateFor.rate === $("rate").value) return this.updateFor;
    const gradient = this.model.gradient(this.theta, this.X, this.Y, [this.row], this.fault);
    const eta = this.training.eta() ?? this.training.halved(gradient, [this.row]);
    this.updateFor = { pass: this.pass, rate: $("rate").value, eta, updated: this.theta.map((v, k) => v - eta * gradient[k]) };
    return this.updateFor;
  }

  costAt(theta) {
    return this.model.costOf(theta, this.X[this.row], this.Y[this.row]);
  }

  /** Look at all samples once the page has been drawn. */
  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.surveyNow();
      this.render();
    }, 60);
  }

  surveyNow() {
    if (this.survey === null) {
      this.survey = surveyOf(this.model, this.theta, this.X, this.Y);
      this.survey.costs = this.X.map((x, r) => this.model.costOf(this.theta, x, this.Y[r]));
      this.marks = this.survey.marks;
    }
    return this.survey;
  }

  /** The mean of J over the rows, penalties included. */
  costsNow() {
    return { J: this.survey ? this.survey.J : this.model.meanCost(this.theta, this.X, this.Y) };
  }

  /** Whether a row's class is predicted wrong; false for numbers. */
  wrong(r) {
    const spec = this.data.layers[this.model.last - 1].spec;
    if (spec !== "sigmoid" && spec !== "softmax") return false;
    const a = this.model.forward(this.theta, this.X[r]).a[this.model.last];
    const y = this.Y[r];
    if (a.length === 1) return a[0] > 0.5 !== y[0] > 0.5;
    return a.indexOf(Math.max(...a)) !== y.indexOf(Math.max(...y));
  }

  render() {
    this.pass = this.passOf(this.fault);
    this.wrongBox = this.fault && !this.exercise ? this.findWrong(this.fault) : null;
    fill($("sample-words"), ...this.sampleWords());
    this.picture.update(this.pass, this.theta);
    this.offerRows();
    this.chain.update(this.pass);
    this.held.update();
    this.debug.update(this.pass);
    this.training.update();
    this.renderStep();
    this.maps.update(this.mode === "play");
    $("mean-cost").replaceChildren(this.survey ? shown(this.survey.J, 6) : "…");
    $("undo").disabled = !this.undone.length;
    this.rows();
    this.changed();
  }

  /** After a move of the hand: all numbers at once, what looks at every row a little later. */
  renderEdit() {
    this.pass = this.passOf(this.fault);
    this.picture.update(this.pass, this.theta);
    fill($("sample-words"), ...this.sampleWords());
    this.held.update();
    this.renderStep();
    this.maps.update(this.mode === "play");
    $("undo").disabled = !this.undone.length;
    this.later();
  }

  /** While training: the picture, J and the maps each frame; the card once training rests. */
  renderLive() {
    this.pass = this.passOf(this.fault);
    this.live += 1;
    this.picture.update(this.pass, this.theta);
    fill($("sample-words"), ...this.sampleWords());
    $("mean-cost").replaceChildren(shown(this.costsNow().J, 6));
    $("undo").disabled = false;
    if (this.live % 4) return;
    if (this.mode === "read") this.renderStep();
    if (this.mode === "play") this.held.update();
    if (this.maps.small || this.mode === "play") this.maps.update(this.mode === "play");
  }

  sampleWords() {
    const { outputs } = this.data;
    const { a, y, J } = this.pass;
    const end = a[this.model.last];
    const own = (v) => this.ownTarget(v);
    const name = (i) => (outputs[i] === undefined ? "ŷ = " : make("bdi", { title: outputs[i] }, `${clip(outputs[i], 24)}: ŷ = `));
    const order = [...end.keys()].sort((i, j) => y[j] - y[i] || end[j] - end[i]).slice(0, 2);
    const words = order.flatMap((i) => [make("span", { class: "entry" }, name(i), shown(end[i], 4), own(end[i]), ", y = ", shown(y[i], 4), own(y[i])), "  "]);
    return [make("span", { class: "entry" }, "J = ", make("span", { id: "sample-J" }, shown(J, 5))), ...words];
  }

  /** A prediction or target in its own unit, as text; nothing where there is none. */
  ownTarget(value) {
    const { target } = this.data;
    return target ? ` (${spell(value * target.scale + target.mean, 4)})` : "";
  }

  /** The columns' own values of this row, by input; null where there are none or x was moved. */
  ownInputs() {
    return this.X[this.row] === this.given.X[this.row] && this.data.own ? this.data.own[this.row] : null;
  }

  unitOf(l) {
    return this.picked && this.pick.layer === l ? this.pick.unit : this.picture.shown[l][0];
  }

  renderStep() {
    const step = this.steps[this.at];
    this.picture.light(this.steps, this.at);
    $("step-title").textContent = step.title;
    $("step-name").textContent = step.title;
    $("step-says").textContent = step.says;
    fill($("step-count"), make("span", { class: "roomy" }, "step "), `${this.at + 1} of ${this.steps.length}`);
    if (this.mode === "read") {
      fill($("step-formula"), math(...step.formula()));
      fill($("step-numbers"), step.table(this.pass, this));
    }
    $("back").disabled = $("first").disabled = this.at === 0;
    $("last").disabled = this.at === this.steps.length - 1;
    $("next").textContent = this.at === this.steps.length - 1 ? "repeat ↻" : "next ▶";
  }

  /** The rows to choose from: in their order or by cost, the wrong ones marked. */
  offerRows() {
    const { survey } = this;
    const select = $("sample");
    const order = [...this.X.keys()];
    if ($("by-cost").checked) {
      const { costs } = this.surveyNow();
      order.sort((p, q) => costs[q] - costs[p] || p - q);
    }
    const words = (r) => `row ${this.data.rows[r]}${survey ? ` · J ${spell(survey.costs[r], 2)}${this.wrong(r) ? " ✗" : ""}` : ""}`;
    const stamp = JSON.stringify([order, survey ? survey.J : null]);
    if (select.dataset.stamp !== stamp) {
      fill(select, ...order.map((r) => make("option", { value: r }, words(r))));
      select.dataset.stamp = stamp;
    }
    select.value = String(this.row);
    $("sample-before").disabled = select.selectedIndex === 0;
    $("sample-next").disabled = select.selectedIndex === this.X.length - 1;
  }

  /** The rows predicted worst, a click away. */
  rows() {
    if (this.mode !== "play" || !this.survey) return;
    const { costs } = this.survey;
    const worst = [...this.X.keys()].sort((p, q) => costs[q] - costs[p]).slice(0, 6);
    const lines = worst.map((r) => {
      const button = make("button", { type: "button", class: "link" }, `row ${this.data.rows[r]}`);
      button.addEventListener("click", () => this.setRow(r));
      return [button, costs[r], this.wrong(r) ? make("span", { class: "bad" }, "✗ wrong") : ""];
    });
    fill($("worst"), tableOf(["row", "J", ""], lines, "the rows predicted worst"));
  }

  changed() {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => keepAddress(this), 150);
  }
}

function rowsOf(values, width) {
  return Array.from({ length: values.length / width }, (_, r) => values.subarray(r * width, (r + 1) * width));
}

async function start() {
  const data = JSON.parse($("data").textContent);
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old to unpack the numbers: open the page in a current one");
  }
  const names = ["theta", "X", "Y"];
  const arrays = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await unpack(data[name])])));
  if (data.snapshots) arrays.snapshots = await unpack(data.snapshots.theta);
  new Page(data, FUNCTIONS, arrays);
  document.body.dataset.ready = "true";
}

start().catch((error) => {
  $("fault-fatal").hidden = false;
  $("fault-fatal").textContent = `The page cannot be shown: ${error.message}`;
  document.body.dataset.ready = "fault";
});
