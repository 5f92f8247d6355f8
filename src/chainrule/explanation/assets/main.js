// The page: its state, and what happens when something is chosen.

class Page {
  constructor(data, functions, arrays) {
    this.data = data;
    this.model = new Model(data, functions);
    this.trained = arrays.theta;
    this.theta = arrays.theta;
    this.thetaName = "as given";
    this.X = rowsOf(arrays.X, data.sizes[0]);
    this.Y = rowsOf(arrays.Y, data.sizes[this.model.last]);
    this.snapshots = data.snapshots
      ? data.snapshots.epochs.map((epoch, k) => ({
          epoch,
          name: data.snapshots.names[k],
          theta: arrays.snapshots.subarray(k * this.theta.length, (k + 1) * this.theta.length),
        }))
      : [];
    if (this.snapshots.length) this.snapshots[this.snapshots.length - 1].theta = this.trained;
    this.row = data.start;
    this.at = 0;
    this.timer = null;
    this.survey = null;
    this.marks = [];
    this.pick = this.firstPick();
    unitTable.page = this;
    this.steps = stepsOf(data);
    this.diagram = new Diagram(this);
    this.picker = new Picker(this);
    this.training = new Training(this);
    this.wire();
    this.render();
    this.later();
  }

  /** The first weight shown whose gradient is not 0 for this sample, if there is one. */
  firstPick() {
    const { dz, a } = this.model.passes(this.theta, this.X[this.row], this.Y[this.row]);
    const [inputs, units] = this.data.units;
    const moving = (shown, values) => shown.find((k) => values[k] !== 0) ?? shown[0];
    return { quantity: "dW", layer: 1, unit: moving(units, dz[1]), input: moving(inputs, a[0]) };
  }

  wire() {
    const sample = $("sample");
    this.data.rows.forEach((row, r) => sample.append(make("option", { value: r }, `row ${row}`)));
    sample.addEventListener("change", () => this.setRow(Number(sample.value)));
    $("sample-before").addEventListener("click", () => this.setRow(this.row - 1));
    $("sample-next").addEventListener("click", () => this.setRow(this.row + 1));
    $("first").addEventListener("click", () => this.goTo(0));
    $("back").addEventListener("click", () => this.goTo(this.at - 1));
    $("next").addEventListener("click", () => this.goTo(this.at + 1));
    $("last").addEventListener("click", () => this.goTo(this.steps.length - 1));
    $("play").addEventListener("click", () => this.play());
    $("turn").addEventListener("click", () => this.goTo(this.steps.findIndex((step) => step.title.startsWith("Backward"))));
    for (const level of ["layers", "units"]) {
      $(`show-${level}`).addEventListener("click", () => this.showLevel(level));
    }
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, summary, [role=region]")) return;
    const moves = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.goTo(this.at + moves[event.key]);
  }

  showLevel(level) {
    for (const name of ["layers", "units"]) {
      $(`${name}-picture`).hidden = name !== level;
      $(`show-${name}`).setAttribute("aria-pressed", String(name === level));
    }
    this.diagram.light(this.steps, this.at);
  }

  setRow(row) {
    this.row = Math.max(0, Math.min(row, this.X.length - 1));
    this.render();
  }

  goTo(at) {
    this.at = Math.max(0, Math.min(at, this.steps.length - 1));
    this.renderStep();
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

  pickWeight(layer, unit, input) {
    const quantity = input === null ? "dz" : "dW";
    this.pick = { quantity, layer, unit, input: input ?? 0 };
    this.render();
  }

  setTheta(theta, name) {
    this.theta = theta;
    this.thetaName = name;
    this.survey = null;
    this.render();
    this.later();
  }

  /** Look at all samples once the page has been drawn. */
  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.surveyNow();
      this.render();
    }, 30);
  }

  surveyNow() {
    if (this.survey === null) {
      this.survey = surveyOf(this.model, this.theta, this.X, this.Y);
      this.marks = this.survey.marks;
    }
    return this.survey;
  }

  render() {
    this.pass = this.model.passes(this.theta, this.X[this.row], this.Y[this.row]);
    $("sample").value = String(this.row);
    $("sample-before").disabled = this.row === 0;
    $("sample-next").disabled = this.row === this.X.length - 1;
    fill($("sample-said"), ...this.sampleSaid());
    this.diagram.update(this.pass, this.theta);
    this.picker.update(this.pass);
    this.training.update();
    this.renderStep();
    this.health();
  }

  sampleSaid() {
    const { outputs } = this.data;
    const { a, y, J } = this.pass;
    const end = a[this.model.last];
    const name = (i) => (outputs[i] === undefined ? [`output ${i}`] : [make("bdi", { title: outputs[i] }, clip(outputs[i], 60))]);
    const said = telling(end, 3).flatMap((i) => [make("span", { class: "entry" }, ...name(i), ": ŷ = ", shown(end[i], 4), ", y = ", shown(y[i], 4)), "; "]);
    return [...said, "J = ", make("span", { id: "sample-J" }, shown(J, 5))];
  }

  renderStep() {
    const step = this.steps[this.at];
    this.diagram.light(this.steps, this.at);
    $("step-title").textContent = step.title;
    $("step-says").textContent = step.says;
    $("step-count").textContent = `step ${this.at + 1} of ${this.steps.length}`;
    $("progress").value = this.at + 1;
    $("progress").max = this.steps.length;
    fill($("step-formula"), math(...step.formula()));
    fill($("step-numbers"), step.table(this.pass, this));
    $("back").disabled = $("first").disabled = this.at === 0;
    $("next").disabled = $("last").disabled = this.at === this.steps.length - 1;
  }

  health() {
    const findings = this.survey?.findings;
    if (!findings) return fill($("health-list"), make("li", {}, "looking at all samples …"));
    if (!findings.length) {
      return fill($("health-list"), make("li", { class: "good" }, "✓ No dead or saturated units, no vanishing or exploding gradients over the samples of this page."));
    }
    const items = findings.map((finding) => {
      const item = make("li", { class: "warning", "data-kind": finding.kind }, `⚠ ${finding.text} `);
      if (finding.units.length) {
        const button = make("button", { type: "button" }, `look at unit ${finding.units[0]}`);
        button.addEventListener("click", () => {
          this.pickWeight(finding.layer, finding.units[0], null);
          $("pick").scrollIntoView();
          $("pick-unit").focus();
        });
        item.append(button);
      }
      return item;
    });
    return fill($("health-list"), ...items);
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
  $("fault").hidden = false;
  $("fault").textContent = `The page cannot be shown: ${error.message}`;
  document.body.dataset.ready = "fault";
});
