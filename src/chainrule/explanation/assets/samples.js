// The rows of the page: which to choose from, which are wrong, and this one in words.

class Samples {
  constructor(page) {
    this.page = page;
    $("sample").addEventListener("change", () => page.setRow(Number($("sample").value)));
    $("by-cost").addEventListener("change", () => this.offer());
    $("sample-before").addEventListener("click", () => this.next(-1));
    $("sample-next").addEventListener("click", () => this.next(1));
  }

  next(way) {
    const select = $("sample");
    const index = select.selectedIndex + way;
    if (index >= 0 && index < select.options.length) this.page.setRow(Number(select.options[index].value));
  }

  /** Whether a row's class is predicted wrong; false for numbers. */
  wrong(r) {
    const spec = this.page.data.layers[this.page.model.last - 1].spec;
    if (spec !== "sigmoid" && spec !== "softmax") return false;
    const a = this.page.model.forward(this.page.theta, this.page.X[r]).a[this.page.model.last];
    const y = this.page.Y[r];
    if (a.length === 1) return a[0] > 0.5 !== y[0] > 0.5;
    return a.indexOf(Math.max(...a)) !== y.indexOf(Math.max(...y));
  }

  /** The prediction, the target and J of this row in a line. */
  words() {
    const { outputs } = this.page.data;
    const { a, y, J } = this.page.pass;
    const end = a[this.page.model.last];
    const own = (v) => this.ownTarget(v);
    const name = (i) => (outputs[i] === undefined ? "ŷ = " : make("bdi", { title: outputs[i] }, `${clip(outputs[i], 24)}: ŷ = `));
    const order = [...end.keys()].sort((i, j) => y[j] - y[i] || end[j] - end[i]).slice(0, 2);
    const words = order.flatMap((i) => [make("span", { class: "entry" }, name(i), shown(end[i], 4), own(end[i]), ", y = ", shown(y[i], 4), own(y[i])), "  "]);
    return [make("span", { class: "entry" }, "J = ", make("span", { id: "sample-J" }, shown(J, 5))), ...words];
  }

  /** A prediction or target in its own unit, as text; nothing where there is none. */
  ownTarget(value) {
    const { target } = this.page.data;
    return target ? ` (${spell(value * target.scale + target.mean, 4)})` : "";
  }

  /** The columns' own values of this row, by input; null where there are none or x was moved. */
  ownInputs() {
    return this.page.X[this.page.row] === this.page.given.X[this.page.row] && this.page.data.own ? this.page.data.own[this.page.row] : null;
  }

  /** The rows to choose from: in their order or by cost, the wrong ones marked. */
  offer() {
    const { survey } = this.page;
    const select = $("sample");
    const order = [...this.page.X.keys()];
    if ($("by-cost").checked) {
      const { costs } = this.page.surveyNow();
      order.sort((p, q) => costs[q] - costs[p] || p - q);
    }
    const words = (r) => t`row ${this.page.data.rows[r]}${survey ? ` · J ${spell(survey.costs[r], 2)}${this.wrong(r) ? " ✗" : ""}` : ""}`;
    const stamp = JSON.stringify([order, survey ? survey.J : null]);
    if (select.dataset.stamp !== stamp) {
      fill(select, ...order.map((r) => make("option", { value: r }, words(r))));
      select.dataset.stamp = stamp;
    }
    select.value = String(this.page.row);
    $("sample-before").disabled = select.selectedIndex === 0;
    $("sample-next").disabled = select.selectedIndex === this.page.X.length - 1;
  }

  /** The rows predicted worst, a click away. */
  worst() {
    if (this.page.mode !== "play" || !this.page.survey) return;
    const { costs } = this.page.survey;
    const worst = [...this.page.X.keys()].sort((p, q) => costs[q] - costs[p]).slice(0, 6);
    const lines = worst.map((r) => {
      const button = make("button", { type: "button", class: "link" }, t`row ${this.page.data.rows[r]}`);
      button.addEventListener("click", () => this.page.setRow(r));
      return [button, costs[r], this.wrong(r) ? make("span", { class: "bad" }, t`✗ wrong`) : ""];
    });
    fill($("worst"), tableOf(["row", "J", ""], lines, t`the rows predicted worst`));
  }
}
