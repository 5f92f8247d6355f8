// The page: its state, and what happens when something is chosen.

class Page {
  constructor(data, functions, arrays) {
    this.data = data;
    this.model = new Model(data, functions);
    this.trained = arrays.theta;
    this.theta = arrays.theta;
    this.thetaName = t`the model's own`;
    this.X = rowsOf(arrays.X, data.sizes[0]);
    this.Y = rowsOf(arrays.Y, data.sizes[this.model.last]);
    this.given = { X: [...this.X], Y: [...this.Y] };
    this.snapshots = data.snapshots
      ? data.snapshots.epochs.map((epoch, k) => ({ epoch, name: data.snapshots.names[k], theta: arrays.snapshots.subarray(k * this.theta.length, (k + 1) * this.theta.length) }))
      : [];
    if (this.snapshots.length) this.snapshots[this.snapshots.length - 1].theta = this.trained;
    Object.assign(this, { row: data.start, at: 0, level: "layers", mode: "read", timer: null, survey: null, marks: [], before: null, undone: [], fault: null, exercise: false, wrongBox: null, hidden: new Set(), live: 0 });
    unitTable.page = this;
    this.steps = stepsOf(data);
    this.pick = this.firstPick();
    this.picked = false;
    this.samples = new Samples(this);
    this.picture = new Picture(this);
    this.chain = new Chain(this);
    this.held = new Hold(this);
    this.maps = new Maps(this);
    this.debug = new Debug(this);
    this.training = new Training(this);
    this.reader = new Reader(this);
    this.wire();
    // An address is a whole state: what the page was made to open at is for where there is none.
    applyAddress(this, location.hash.slice(1) || this.data.at);
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
    on("first", () => this.goTo(0));
    on("back", () => (this.pause(), this.goTo(this.at - 1)));
    on("next", () => (this.pause(), this.forwards()));
    on("last", () => this.goTo(this.steps.length - 1));
    on("play", () => this.play());
    on("turn", () => this.goTo(this.steps.findIndex((step) => step.gives.includes(`da-${this.model.last}`))));
    on("undo", () => this.undo());
    for (const level of ["layers", "units"]) on(`show-${level}`, () => this.showLevel(level));
    for (const mode of ["read", "play", "debug"]) on(`tab-${mode}`, () => this.showMode(mode));
    on("handout", () => this.print(false));
    on("worksheet", () => this.print(true));
    on("weights", () => saveWeights(this));
    for (const name of PANELS) {
      if ($(`panel-of-${name}`)) on(`panel-of-${name}`, () => this.hide(name, !$(`panel-of-${name}`).checked), "change");
    }
    $("layers-picture").addEventListener("click", (event) => this.jump(Hold.key(event)));
    leaveFields();
    document.addEventListener("keydown", (event) => pressKey(this, event));
    window.addEventListener("beforeprint", () => $("paper").childElementCount || layOutPaper(this, false));
    window.addEventListener("afterprint", () => fill($("paper")));
    window.addEventListener("hashchange", () => {
      if (location.hash.slice(1) === addressOf(this)) return;
      applyAddress(this, location.hash.slice(1));
      this.show();
    });
  }

  hide(name, hidden) {
    if (hidden) this.hidden.add(name);
    else this.hidden.delete(name);
    showPanels(this);
    this.changed();
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

  /** Show the state as it is: level, mode, and all numbers. */
  show() {
    this.pass = null;
    this.showLevel(this.level);
    this.showMode(this.mode);
    this.render();
  }

  showLevel(level) {
    this.level = level;
    document.body.dataset.level = level;
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

  goTo(at) {
    this.at = Math.max(0, Math.min(at, this.steps.length - 1));
    this.renderStep();
    this.changed();
  }

  /** The next step; after the update the new parameters hold, and forward begins again. */
  forwards() {
    if (this.at < this.steps.length - 1) return this.goTo(this.at + 1);
    this.remember(t`the update`);
    const { updated } = this.update();
    this.at = 0;
    this.iteration = (this.iteration ?? 0) + 1;
    this.setTheta(updated, t`after ${plural(this.iteration, "update")} on single samples`);
  }

  play() {
    if (this.timer !== null) return this.pause();
    if (this.at === this.steps.length - 1) this.goTo(0);
    $("play").textContent = t`❚❚ pause`;
    this.timer = setInterval(() => {
      if (this.at < this.steps.length - 1) this.goTo(this.at + 1);
      if (this.at === this.steps.length - 1) this.pause();
    }, 1400);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    $("play").textContent = t`▶ play`;
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
    this.remember(t`the model's own`);
    this.before = null;
    Object.assign(this, { X: [...this.given.X], Y: [...this.given.Y] });
    this.setTheta(this.trained, t`the model's own`);
  }

  etaGiven() {
    return typeof this.training.eta() === "number";
  }

  /** The update on this one sample: η, and theta after it. */
  update() {
    if (this.updateFor?.pass === this.pass && this.updateFor.rate === $("rate").value) return this.updateFor;
    const gradient = this.model.gradient(this.theta, this.X, this.Y, [this.row], this.fault);
    const eta = this.training.eta() ?? this.training.halved(gradient, [this.row], this.training.script);
    const updated = Float64Array.from(this.theta);
    for (let k = 0; k < updated.length; k++) updated[k] -= eta * gradient[k];
    this.updateFor = { pass: this.pass, rate: $("rate").value, eta, updated };
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
  meanCost() {
    return this.survey ? this.survey.J : this.model.meanCost(this.theta, this.X, this.Y);
  }

  render() {
    this.pass = this.passOf(this.fault);
    this.wrongBox = this.fault && !this.exercise ? this.findWrong(this.fault) : null;
    fill($("sample-words"), ...this.samples.words());
    this.picture.update(this.pass, this.theta);
    this.samples.offer();
    this.chain.update(this.pass);
    this.held.update();
    this.debug.update(this.pass);
    this.training.update();
    this.renderStep();
    this.held.hoverAgain();
    this.maps.update(this.mode === "play");
    $("mean-cost").replaceChildren(this.survey ? shown(this.survey.J, 6) : "…");
    $("undo").disabled = !this.undone.length;
    this.samples.worst();
    this.changed();
  }

  /** After a move of the hand: all numbers at once, what looks at every row a little later. */
  renderEdit() {
    this.pass = this.passOf(this.fault);
    this.picture.update(this.pass, this.theta);
    fill($("sample-words"), ...this.samples.words());
    this.held.update();
    this.renderStep();
    this.held.hoverAgain();
    if (this.maps.small) this.maps.update(this.mode === "play");
    $("undo").disabled = !this.undone.length;
    this.later();
  }

  /** While training: the picture, J and the maps each frame; the card once training rests. */
  renderLive() {
    this.pass = this.passOf(this.fault);
    this.live += 1;
    this.picture.update(this.pass, this.theta);
    // Digits that change with every frame cannot be read.
    const texts = this.live % 3 === 0;
    this.picture.write(true, texts);
    if (texts) {
      fill($("sample-words"), ...this.samples.words());
      this.held.hoverAgain();
    }
    $("undo").disabled = false;
    if (this.live % 6 === 0 && this.mode === "read") this.renderStep();
    if (this.live % 6 === 2 && this.mode === "play") this.held.update();
    if (this.live % 6 === 4 && (this.maps.small || this.mode === "play")) this.maps.update(this.mode === "play");
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
    fill($("step-count"), make("span", { class: "roomy" }, t`step `), t`${this.at + 1} of ${this.steps.length}`);
    if (this.mode === "read") {
      fill($("step-formula"), math(...step.formula()));
      fill($("step-numbers"), step.table(this.pass, this));
    }
    $("back").disabled = $("first").disabled = this.at === 0;
    $("last").disabled = this.at === this.steps.length - 1;
    $("next").textContent = this.at === this.steps.length - 1 ? t`repeat ↻` : t`next ▶`;
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
    throw new Error(t`this browser is too old to unpack the numbers: open the page in a current one`);
  }
  const names = ["theta", "X", "Y"];
  const arrays = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await unpack(data[name])])));
  if (data.snapshots) arrays.snapshots = await unpack(data.snapshots.theta);
  const page = new Page(data, FUNCTIONS, arrays);
  document.body.dataset.ready = "true";
  setTimeout(() => page.training.compile(), 0);
}

start().catch((error) => {
  $("fault-fatal").hidden = false;
  $("fault-fatal").textContent = t`The page cannot be shown: ${error.message}`;
  document.body.dataset.ready = "fault";
});
