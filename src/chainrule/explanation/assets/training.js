// Moving through training: the recorded epochs, the curve of the cost, one more step of descent.

class Training {
  constructor(page) {
    this.page = page;
    this.steps = [];
    this.slider = $("epoch");
    const { snapshots } = page;
    if (snapshots.length > 1) {
      this.slider.max = String(snapshots.length - 1);
      this.slider.value = this.slider.max;
      this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
      $("epoch-field").hidden = false;
    } else {
      $("no-epochs").hidden = false;
    }
    $("descend").addEventListener("click", () => this.descend());
    $("restore").addEventListener("click", () => this.restore());
    this.curve();
  }

  show(k) {
    this.steps = [];
    this.page.setTheta(this.page.snapshots[k].theta, this.page.snapshots[k].name);
  }

  restore() {
    this.steps = [];
    if (this.page.snapshots.length > 1) this.slider.value = this.slider.max;
    this.page.setTheta(this.page.trained, "as given");
    this.told("");
  }

  told(text) {
    $("descent-said").textContent = text;
  }

  /** theta <- theta - eta dJ/dtheta, with eta halved until J falls where the field is left empty. */
  descend() {
    const { page } = this;
    const { model, X, Y } = page;
    const survey = page.surveyNow();
    const given = $("rate").value.trim();
    let eta = given === "" ? 1 : Number(given);
    if (!(eta > 0) || !Number.isFinite(eta)) return this.told("The learning rate must be a number above 0, or empty.");
    const norm2 = survey.gradient.reduce((sum, g) => sum + g * g, 0);
    if (!Number.isFinite(norm2)) return this.told("The gradient is not finite: no step can be taken from here.");
    if (norm2 === 0) return this.told("The gradient is 0: J cannot fall from here.");
    const step = () => page.theta.map((value, k) => value - eta * survey.gradient[k]);
    let theta = step();
    let J = model.meanCost(theta, X, Y);
    for (let k = 0; given === "" && !(J < survey.J - 0.25 * eta * norm2) && k < 60; k++) {
      eta /= 2;
      theta = step();
      J = model.meanCost(theta, X, Y);
    }
    this.steps.push(J);
    page.setTheta(theta, `${this.origin()} and ${plural(this.steps.length, "step")} of descent`);
    const by = survey.J - J;
    const way = by > 0 ? `fell by ${spell(by, 4)}` : by === 0 ? "did not change" : `ROSE by ${spell(-by, 4)}: the learning rate is too large here`;
    this.told(`Step ${this.steps.length} with learning rate ${spell(eta, 4)}: J went from ${spell(survey.J, 6)} to ${spell(J, 6)}; it ${way}.`);
  }

  origin() {
    const { snapshots } = this.page;
    return snapshots.length > 1 ? snapshots[Number(this.slider.value)].name : "as given";
  }

  /** The curve of the recorded cost, with a mark at the epoch shown. */
  curve() {
    const { cost, validation } = this.page.data.history;
    const frame = $("curve");
    if (!cost || cost.length < 2) return void (frame.hidden = true);
    const all = [...cost, ...validation].filter((v) => v !== null && Number.isFinite(v));
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const x = (epoch) => 46 + (epoch * 340) / Math.max(cost.length, 1);
    const y = (v) => 118 - (104 * (v - low)) / (high - low || 1);
    const path = (values) => values.map((v, k) => (v === null ? "" : `${k ? "L" : "M"}${x(k + 1).toFixed(1)} ${y(v).toFixed(1)}`)).join("").replace(/^L/, "M");
    const svg = (tag, attributes, text = "") => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.textContent = text;
      return element;
    };
    this.x = x;
    this.mark = svg("line", { y1: 8, y2: 122, class: "mark" });
    const text = `The recorded cost over ${plural(cost.length, "epoch")}, from ${spell(cost[0], 4)} to ${spell(cost[cost.length - 1], 4)}`;
    const picture = svg("svg", { viewBox: "0 0 400 150", role: "img", "aria-label": text });
    picture.append(
      svg("path", { d: "M46 8V122H392", class: "axis" }),
      this.mark,
      svg("path", { d: path(cost), class: "cost" }),
      validation.length ? svg("path", { d: path(validation), class: "validation" }) : "",
      svg("text", { x: 42, y: 16, "text-anchor": "end" }, spell(high, 3)),
      svg("text", { x: 42, y: 122, "text-anchor": "end" }, spell(low, 3)),
      svg("text", { x: 392, y: 140, "text-anchor": "end" }, `epoch ${cost.length}`),
      svg("text", { x: 46, y: 140 }, validation.length ? "cost: solid, validation: dashed" : "cost"),
    );
    fill(frame, picture);
  }

  update() {
    const { page } = this;
    $("theta-name").textContent = page.thetaName;
    const snapshot = page.snapshots.length > 1 ? page.snapshots[Number(this.slider.value)] : null;
    if (snapshot) this.slider.setAttribute("aria-valuetext", snapshot.name);
    if (this.mark) {
      const epoch = snapshot ? snapshot.epoch : page.data.history.cost.length;
      this.mark.setAttribute("x1", this.x(epoch));
      this.mark.setAttribute("x2", this.x(epoch));
    }
    fill($("mean-cost"), page.survey ? shown(page.survey.J, 6) : "…");
    $("restore").disabled = page.theta === page.trained;
  }
}
