// Hold a number: any W, b, x or y by pointer, wheel and arrow keys; both passes follow at once.

const EPSILON = 1e-6;

class Hold {
  constructor(page) {
    this.page = page;
    this.drag = null;
    this.dragged = false;
    const picture = $("units-picture");
    picture.addEventListener("pointerdown", (event) => this.down(event));
    picture.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) picture.addEventListener(name, () => this.up());
    picture.addEventListener("click", (event) => this.click(event));
    picture.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    picture.addEventListener("keydown", (event) => this.enter(event));
    for (const name of ["pointerover", "focusin"]) picture.addEventListener(name, (event) => this.hover(event));
    $("held-value").addEventListener("change", () => this.typed($("held-value").value));
    $("held-range").addEventListener("input", () => this.set(Number($("held-range").value)));
    $("held-less").addEventListener("click", () => this.nudge(-1));
    $("held-more").addEventListener("click", () => this.nudge(1));
    $("held-check").addEventListener("click", () => this.check());
  }

  static key(event) {
    return event.target.closest("[data-key]")?.dataset.key ?? "";
  }

  /** Say at once, without a tooltip's delay, what lies under the pointer. */
  hover(event) {
    this.under = Hold.key(event);
    $("hover").textContent = this.page.picture.words(this.under);
  }

  /** The same once the numbers have changed, as they do in training. */
  hoverAgain() {
    if (this.under) $("hover").textContent = this.page.picture.words(this.under);
  }

  down(event) {
    this.dragged = false;
    if (event.button !== 0) return;
    const pick = this.page.picture.pickOf(Hold.key(event));
    if (!pick || !editable(pick)) return;
    this.drag = { pick, x: event.clientX, y: event.clientY, value: this.value(pick), id: event.pointerId };
  }

  move(event) {
    if (!this.drag) return;
    const way = event.clientX - this.drag.x - (event.clientY - this.drag.y);
    if (!this.dragged && Math.abs(way) < 5) return;
    if (!this.dragged) {
      this.dragged = true;
      $("units-picture").setPointerCapture(this.drag.id);
      this.page.hold(this.drag.pick);
      this.start();
    }
    const step = Math.max(1, Math.abs(this.drag.value)) / (event.shiftKey ? 1500 : 150);
    this.set(this.drag.value + way * step);
  }

  up() {
    this.drag = null;
  }

  click(event) {
    const key = Hold.key(event);
    if (this.dragged || !key) return void (this.dragged = false);
    const { page } = this;
    if (page.guess(Picture.placeOf(key))) return;
    const pick = page.picture.pickOf(key);
    if (pick) page.hold(pick);
  }

  enter(event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    const pick = this.page.picture.pickOf(Hold.key(event));
    if (!pick || (event.key === " " && this.page.isPicked(pick))) return;
    event.preventDefault();
    event.stopPropagation();
    this.page.hold(pick);
  }

  wheel(event) {
    const pick = this.page.picture.pickOf(Hold.key(event));
    if (!pick || !this.page.isPicked(pick) || !editable(pick)) return;
    event.preventDefault();
    this.nudge(event.deltaY < 0 ? 1 : -1, event.shiftKey);
  }

  /** The number that a pick is the derivative by. */
  value(pick = this.page.pick) {
    const { page } = this;
    const { model } = page;
    const { quantity, layer: l, unit: i, input: j } = pick;
    if (quantity === "dW") return page.theta[model.place(l, i, j)];
    if (quantity === "db") return page.theta[model.place(l, i, model.sizes[l - 1])];
    if (quantity === "y") return page.Y[page.row][i];
    return quantity === "da" ? page.pass.a[l][i] : page.pass.z[l][i];
  }

  /** Remember where the hand began: the value, J and the derivative. */
  start() {
    const { page } = this;
    if (page.before) return;
    page.remember(this.name());
    page.before = { value: this.value(), J: page.pass.J, slope: this.slope() };
  }

  slope() {
    const { pass, pick } = this.page;
    const { quantity, layer: l, unit: i, input: j } = pick;
    if (quantity === "y") return null;
    return quantity === "dW" ? pass.dW(l, i, j) : quantity === "db" ? pass.db(l, i) : pass[quantity][l][i];
  }

  set(value) {
    const { page } = this;
    if (!Number.isFinite(value) || !editable(page.pick)) return;
    this.start();
    this.write(value);
    page.renderEdit();
  }

  write(value) {
    const { page } = this;
    const { model } = page;
    const { quantity, layer: l, unit: i, input: j } = page.pick;
    if (quantity === "dW" || quantity === "db") {
      page.theta = Float64Array.from(page.theta);
      page.theta[model.place(l, i, quantity === "dW" ? j : model.sizes[l - 1])] = value;
      page.thetaName = t`moved by hand`;
    } else {
      const rows = quantity === "y" ? page.Y : page.X;
      rows[page.row] = Float64Array.from(rows[page.row]);
      rows[page.row][i] = value;
    }
    page.survey = null;
  }

  nudge(way, fine = false) {
    const value = this.value();
    const step = Math.max(1, Math.abs(value)) * (fine ? 0.001 : 0.01);
    this.set(value + way * step);
  }

  typed(words) {
    const value = Number(words.trim().replace("−", "-"));
    if (words.trim() === "" || !Number.isFinite(value)) return void ($("held-words").textContent = t`${words.trim() || t`nothing`} is no number: give one such as 0.5.`);
    this.set(value);
  }

  name() {
    const { page } = this;
    const { quantity, layer: l, unit: i, input: j } = page.pick;
    if (quantity === "dW" || quantity === "db") return nameOf({ layer: l, unit: i, input: j });
    const names = namesOf(page, l);
    if (quantity === "y") return `y[${i}]`;
    if (quantity === "da" && l === 0) return `x[${i}]${names[i] === undefined ? "" : ` ${clip(names[i])}`}`;
    return `${quantity.slice(1)}${raised(l)}[${i}]`;
  }

  /** The notes' numerical check as a gesture: epsilon up, epsilon down, the difference over 2 epsilon. */
  check() {
    const { page } = this;
    const value = this.value();
    const kept = { theta: page.theta, X: [...page.X], Y: [...page.Y], survey: page.survey, name: page.thetaName };
    const J = (by) => {
      this.write(value + by);
      return page.costAt(page.theta);
    };
    const [up, down] = [J(EPSILON), J(-EPSILON)];
    Object.assign(page, { theta: kept.theta, X: kept.X, Y: kept.Y, survey: kept.survey, thetaName: kept.name });
    const slope = this.slope();
    fill($("held-words"), `(J(+ε) − J(−ε)) / 2ε = `, shown((up - down) / (2 * EPSILON), 6), t`, with ε = ${EPSILON}`, ...(slope === null ? ["."] : [t`; backward gives `, shown(slope, 6), "."]));
  }

  update() {
    const { page } = this;
    const able = editable(page.pick);
    $("held-name").textContent = this.name();
    $("held-controls").hidden = !able;
    const value = this.value();
    const input = $("held-value");
    if (document.activeElement !== input) input.value = String(Number(value.toPrecision(6)));
    const range = $("held-range");
    if (document.activeElement !== range) {
      const reach = Math.max(2, 2 * Math.abs(value));
      range.min = String(-reach);
      range.max = String(reach);
      range.step = String(reach / 200);
      range.value = String(value);
    }
    fill($("held-table"), able ? this.table(value) : make("p", {}, this.name(), t` is computed, not set: `, shown(value), t`. Hold a weight, a bias, x or y to move it.`));
  }

  table(value) {
    const { page } = this;
    const { before, pass } = page;
    const slope = this.slope();
    const name = this.name().split(" ")[0];
    const rows = [[name, before ? before.value : "", value], ["J", before ? before.J : "", pass.J]];
    if (slope !== null) rows.push([`dJ/d${name}`, before ? before.slope : "", slope]);
    const table = tableOf(["", "before", "now"], rows, t`what is held`);
    if (!before || before.value === value) return table;
    const change = make("p", { id: "held-change" }, t`Your hand: ΔJ/Δ${name} = `, shown(pass.J - before.J, 3), " / ", shown(value - before.value, 3), " = ",
      make("strong", {}, shown((pass.J - before.J) / (value - before.value), 5)));
    if (slope === null) return make("div", {}, table, change);
    change.append(t`; the derivative was `, shown(before.slope, 5), t` and is `, shown(slope, 5), t`. The smaller the move, the closer they are: that is the numerical check.`);
    return make("div", {}, table, change);
  }
}

/** Whether the number behind a pick can be set: W, b, x and y; the rest is computed. */
const editable = ({ quantity, layer }) => quantity === "dW" || quantity === "db" || quantity === "y" || (quantity === "da" && layer === 0);
