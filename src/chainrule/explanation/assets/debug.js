// Debug: all gradients side by side, a backward pass broken on purpose, units in trouble.

class Debug {
  constructor(page) {
    this.page = page;
    const { model, data, X } = page;
    this.places = Object.keys(FAULTS).flatMap((kind) =>
      Array.from({ length: model.last }, (_, k) => ({ kind, layer: k + 1, rows: X.length })).filter(({ layer }) => FAULTS[kind].fits(model, layer, X.length)));
    const select = $("fault");
    for (const kind of Object.keys(FAULTS)) {
      if (this.places.some((place) => place.kind === kind)) select.append(make("option", { value: kind }, t(data.faults[kind].name)));
    }
    select.addEventListener("change", () => this.choose());
    $("fault-layer").addEventListener("change", () => this.choose(Number($("fault-layer").value)));
    $("hide-fault").addEventListener("click", () => this.hide());
  }

  choose(layer = null) {
    const kind = $("fault").value;
    const fitting = this.places.filter((place) => place.kind === kind);
    this.page.exercise = false;
    this.page.setFault(fitting.find((place) => place.layer === layer) ?? fitting[0] ?? null);
  }

  /** Make a mistake somewhere, and leave it to the reader to find the box. */
  hide() {
    const order = shuffled(this.places.length, Math.floor(Math.random() * 1e6));
    const { page } = this;
    const showing = order.map((k) => this.places[k]).find((place) => page.findWrong(place) === boxOf(place));
    if (!showing) return void ($("fault-words").textContent = t`No mistake would show at this sample: choose another row.`);
    page.exercise = true;
    page.setFault(showing);
  }

  /** A guess of the exercise: true where it was one. */
  guess(place) {
    const { page } = this;
    if (!page.exercise || !page.fault) return false;
    const right = place === boxOf(page.fault) || (place === `g-${page.fault.layer}` && FAULTS[page.fault.kind].box === "dz");
    if (right) page.exercise = false;
    const words = right ? t`Found: ${sentenceOf(page.data, page.fault)}` : t`Not there: what ${t`${place.split("-")[0]} of layer ${place.split("-")[1]}`} gets may be wrong, what it does is right. The first wrong box on the way back is the one.`;
    page.render();
    $("fault-words").textContent = words;
    return true;
  }

  update(pass) {
    const { page } = this;
    const { fault, exercise } = page;
    $("fault").value = fault && !exercise ? fault.kind : "";
    const layers = this.places.filter((place) => place.kind === fault?.kind);
    fill($("fault-layer"), ...layers.map(({ layer }) => make("option", { value: layer }, String(layer))));
    if (fault) $("fault-layer").value = String(fault.layer);
    $("fault-layer-field").hidden = !fault || exercise;
    $("fault-words").textContent = !fault
      ? ""
      : exercise
        ? t`A mistake is hidden on the way back. Look at the numbers and the ✗ below, then click the box that makes it, in either picture.`
        : page.wrongBox
          ? t`The check says: ${sentenceOf(page.data, fault)}`
          : t`${sentenceOf(page.data, fault)} At this sample it does not show: choose another row.`;
    if (page.mode !== "debug") return;
    this.table(pass);
    this.health();
  }

  /** The notes' last loop: every gradient beside its numerical derivative. */
  table(pass) {
    const { page } = this;
    const state = [page.theta, page.X[page.row], page.Y[page.row], page.fault];
    if (this.compared?.every((one, k) => one === state[k])) return;
    this.compared = state;
    const { lines, searched, count } = compareAll(page.model, page.theta, pass);
    const wrong = lines.filter((one) => one.agrees === false).length;
    const rows = lines.map(({ pick, gradient, value, error, agrees, kink }) => {
      const button = make("button", { type: "button", class: "link" }, `d${nameOf(pick)}`);
      button.addEventListener("click", () => page.hold(pick));
      const sign = agrees === null ? "?" : kink ? t`✓ kink` : agrees ? "✓" : "✗";
      return [button, gradient, value, `± ${spell(error, 2)}`, make("strong", { class: agrees ? "good" : "bad" }, sign)];
    });
    const words = count <= MOST_COMPARED
      ? t`all ${count} gradients of this sample`
      : t`the ${lines.length} that differ most, in units of their error bar, of ${searched.toLocaleString(LANGUAGE)} compared; the network has ${plural(count, "parameter")}`;
    fill($("all-gradients"), make("p", { class: wrong ? "bad" : "good" }, wrong ? t`✗ ${wrong} of the ${lines.length} shown disagree.` : t`✓ They agree.`), tableOf(["", "backward", "numerical", "bar", ""], rows, t`gradients side by side`), make("p", { class: "note" }, words));
  }

  health() {
    const { page } = this;
    const findings = page.survey?.findings;
    if (!findings) return fill($("health-list"), make("li", {}, t`looking at all samples …`));
    if (!findings.length) {
      return fill($("health-list"), make("li", { class: "good" }, t`✓ No dead or saturated units, no vanishing or exploding gradients over the samples of this page.`));
    }
    const items = findings.map((finding) => {
      const item = make("li", { class: "warning", "data-kind": finding.kind }, `⚠ ${finding.text} `);
      if (finding.units.length) {
        const button = make("button", { type: "button" }, t`look at unit ${finding.units[0]}`);
        button.addEventListener("click", () => {
          page.hold({ quantity: "dz", layer: finding.layer, unit: finding.units[0], input: null });
          $("panel-debug").scrollTop = 0;
          $("pick-unit").focus();
        });
        item.append(button);
      }
      return item;
    });
    return fill($("health-list"), ...items);
  }
}
