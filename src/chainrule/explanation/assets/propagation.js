// Both passes, in float64, on the functions printed from the package's own (FUNCTIONS).

/** The complementary error function to float64: a series near 0, a continued fraction beyond. */
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
      if (term === 0) break;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  if (x > 27) return 0;
  let fraction = 0;
  for (let k = 80; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

const softmaxOf = (z) => {
  const top = Math.max(...z);
  const e = z.map((v) => Math.exp(v - top));
  const sum = e.reduce((s, v) => s + v, 0);
  return e.map((v) => v / sum);
};

const total = (n, f) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(i);
  return sum;
};

// J of the canonical pairs, from z, so that nothing overflows.
const PAIRS = {
  logistic: (z, a, y) =>
    total(z.length, (i) => Math.max(z[i], 0) - y[i] * z[i] + Math.log1p(Math.exp(-Math.abs(z[i])))),
  crossEntropy: (z, a, y) => {
    const top = Math.max(...z);
    const log = Math.log(total(z.length, (i) => Math.exp(z[i] - top)));
    return log - total(z.length, (i) => y[i] * (z[i] - top));
  },
  squaredError: (z, a, y) => total(z.length, (i) => (z[i] - y[i]) ** 2) / 2,
  poisson: (z, a, y) => total(z.length, (i) => a[i] - y[i] * z[i]),
};

class Model {
  constructor(data, functions) {
    this.data = data;
    this.sizes = data.sizes;
    this.last = data.sizes.length - 1;
    this.functions = functions;
    this.offsets = [0];
    for (let l = 1; l <= this.last; l++) {
      this.offsets.push(this.offsets[l - 1] + this.sizes[l] * (this.sizes[l - 1] + 1));
    }
  }

  /** Where W^l[i, j] lies in theta; j = n_{l-1} is b^l[i]. */
  place(l, i, j) {
    return this.offsets[l - 1] + j * this.sizes[l] + i;
  }

  /** The layer, unit and input of an entry of theta; the input is null for a bias. */
  entry(k) {
    let l = 1;
    while (k >= this.offsets[l]) l++;
    const inside = k - this.offsets[l - 1];
    const j = Math.floor(inside / this.sizes[l]);
    return { layer: l, unit: inside % this.sizes[l], input: j === this.sizes[l - 1] ? null : j };
  }

  isBias(k) {
    let l = 1;
    while (k >= this.offsets[l]) l++;
    return k >= this.offsets[l] - this.sizes[l];
  }

  weigh(theta, l, a) {
    const n = this.sizes[l];
    const m = this.sizes[l - 1];
    const start = this.offsets[l - 1];
    const z = theta.slice(start + m * n, start + m * n + n);
    for (let j = 0; j < m; j++) {
      const value = a[j];
      const row = start + j * n;
      for (let i = 0; i < n; i++) z[i] += theta[row + i] * value;
    }
    return z;
  }

  activate(l, z) {
    const f = this.functions.activations[l - 1];
    return f === null ? softmaxOf(z) : z.map((v) => (Number.isNaN(v) ? v : f.f(v)));
  }

  /** da/dz of a layer's units, one by one; the diagonal where units mix. */
  slopes(l, z, a) {
    const f = this.functions.activations[l - 1];
    if (f === null) return a.map((v) => v * (1 - v));
    return z.map((v, i) => (Number.isNaN(v) ? v : f.df(v, a[i])));
  }

  /** Propagate forwards from a^l or z^l (kind) of layer l to the output. */
  tail(theta, kind, l, v) {
    let a = kind === "a" ? v : this.activate(l, v);
    let z = kind === "z" ? v : null;
    for (let k = l + 1; k <= this.last; k++) {
      z = this.weigh(theta, k, a);
      a = this.activate(k, z);
    }
    return { a, z };
  }

  /** a and z of every layer; from z¹ on, where that is known already. */
  forward(theta, x, first = null) {
    const a = [Float64Array.from(x)];
    const z = [null];
    for (let l = 1; l <= this.last; l++) {
      z.push(l === 1 && first !== null ? first : this.weigh(theta, l, a[l - 1]));
      a.push(this.activate(l, z[l]));
    }
    return { a, z };
  }

  /** J of one sample; from a alone where z is null. */
  cost(z, a, y) {
    const pair = this.data.pair;
    if (pair && z !== null) return PAIRS[pair](z, a, y);
    return total(a.length, (i) => this.functions.cost.J(a[i], y[i]));
  }

  /** J of one sample from its input. */
  costOf(theta, x, y) {
    return this.forwardInto(theta, x, y);
  }

  /**
   * Both passes of one sample: a, z, da, dz by layer, slopes da/dz, J, and dW, db by entry.
   * A fault, if given, is made on the way back, where it says.
   */
  passes(theta, x, y, fault = null) {
    const { a, z } = this.forward(theta, x);
    const L = this.last;
    const da = new Array(L + 1);
    const dz = new Array(L + 1);
    const slopes = [null];
    for (let l = 1; l <= L; l++) slopes.push(this.slopes(l, z[l], a[l]));
    da[L] = a[L].map((v, i) => this.functions.cost.da(v, y[i]));
    for (let l = L; l >= 1; l--) {
      const pass = { theta, a, z, da, slopes };
      dz[l] = faultyDz(this, fault, l, pass) ??
        (l === L && this.data.pair ? a[L].map((v, i) => v - y[i]) : this.through(l, da[l], a[l], slopes[l]));
      if (fault?.kind === "sum" && l === L) dz[l] = dz[l].map((v) => v * fault.rows);
      da[l - 1] = faultyPull(this, fault, l, theta, dz[l]) ?? this.pull(theta, l, dz[l]);
    }
    const dW = (l, i, j) => faultyW(fault, l, i, j, a, dz) ?? dz[l][i] * a[l - 1][j];
    const db = (l, i) => faultyBias(fault, l, dz) ?? dz[l][i];
    return { a, z, da, dz, slopes, y, dW, db, J: this.cost(z[L], a[L], y) };
  }

  through(l, da, a, slopes) {
    if (this.functions.activations[l - 1] !== null) return da.map((v, i) => v * slopes[i]);
    const mean = total(a.length, (i) => da[i] * a[i]);
    return a.map((v, i) => v * (da[i] - mean));
  }

  pull(theta, l, dz) {
    const n = this.sizes[l];
    const m = this.sizes[l - 1];
    const start = this.offsets[l - 1];
    const da = new Float64Array(m);
    for (let j = 0; j < m; j++) da[j] = total(n, (i) => theta[start + j * n + i] * dz[i]);
    return da;
  }

  penalty(theta) {
    const { l1, l2 } = this.data;
    if (!l1 && !l2) return 0;
    let sum = 0;
    for (let k = 0; k < theta.length; k++) {
      if (!this.isBias(k)) sum += l1 * Math.abs(theta[k]) + (l2 / 2) * theta[k] ** 2;
    }
    return sum;
  }

  /** Buffers for one sample's passes, made once, so that training leaves no garbage. */
  get buffers() {
    const arrays = () => this.sizes.map((n) => new Float64Array(n));
    this.reused ??= { a: arrays(), z: arrays(), da: arrays(), dz: arrays() };
    return this.reused;
  }

  /** Forward into the buffers; returns J of the sample. */
  forwardInto(theta, x, y) {
    const { a, z } = this.buffers;
    a[0].set(x);
    for (let l = 1; l <= this.last; l++) {
      const [n, m] = [this.sizes[l], this.sizes[l - 1]];
      const start = this.offsets[l - 1];
      const [zl, al, below] = [z[l], a[l], a[l - 1]];
      for (let i = 0; i < n; i++) zl[i] = theta[start + m * n + i];
      for (let j = 0; j < m; j++) {
        const value = below[j];
        if (value === 0) continue;
        const place = start + j * n;
        for (let i = 0; i < n; i++) zl[i] += theta[place + i] * value;
      }
      const f = this.functions.activations[l - 1];
      if (f === null) al.set(softmaxOf(zl));
      else for (let i = 0; i < n; i++) al[i] = f.f(zl[i]);
    }
    return this.cost(z[this.last], a[this.last], y);
  }

  /** Both passes in the buffers; the sample's gradient, times its share, is added. */
  backwardInto(theta, y, share, gradient) {
    const { a, z, da, dz } = this.buffers;
    for (let l = this.last; l >= 1; l--) {
      const [n, m] = [this.sizes[l], this.sizes[l - 1]];
      const start = this.offsets[l - 1];
      const f = this.functions.activations[l - 1];
      const [dzl, al, below] = [dz[l], a[l], a[l - 1]];
      if (l === this.last && this.data.pair) for (let i = 0; i < n; i++) dzl[i] = al[i] - y[i];
      else {
        if (l === this.last) for (let i = 0; i < n; i++) da[l][i] = this.functions.cost.da(al[i], y[i]);
        if (f === null) dzl.set(this.through(l, da[l], al, null));
        else for (let i = 0; i < n; i++) dzl[i] = da[l][i] * f.df(z[l][i], al[i]);
      }
      for (let j = 0; j <= m; j++) {
        const place = start + j * n;
        const value = (j < m ? below[j] : 1) * share;
        if (value !== 0) for (let i = 0; i < n; i++) gradient[place + i] += value * dzl[i];
        if (j === m || l === 1) continue;
        let sum = 0;
        for (let i = 0; i < n; i++) sum += theta[place + i] * dzl[i];
        da[l - 1][j] = sum;
      }
    }
  }

  /** The mean cost over the rows, penalties included. */
  meanCost(theta, X, Y) {
    let sum = 0;
    for (let r = 0; r < X.length; r++) sum += this.forwardInto(theta, X[r], Y[r]);
    return sum / X.length + this.penalty(theta);
  }

  /** dJ/dtheta over the rows numbered, penalties included; as a fault makes it, if one is given. */
  gradient(theta, X, Y, rows = X.keys(), fault = null) {
    const { l1, l2 } = this.data;
    const gradient = new Float64Array(theta.length);
    const numbers = [...rows];
    for (const r of numbers) {
      if (fault) this.addFaulty(theta, X, Y, r, fault, 1 / numbers.length, gradient);
      else {
        this.forwardInto(theta, X[r], Y[r]);
        this.backwardInto(theta, Y[r], 1 / numbers.length, gradient);
      }
    }
    if (l1 || l2) {
      for (let k = 0; k < theta.length; k++) {
        if (!this.isBias(k)) gradient[k] += l1 * Math.sign(theta[k]) + l2 * theta[k];
      }
    }
    return gradient;
  }

  /** Add a sample's gradient as a backward pass with a mistake in it has it. */
  addFaulty(theta, X, Y, r, fault, share, gradient) {
    const pass = this.passes(theta, X[r], Y[r], withOther(fault, X, r));
    for (let l = 1; l <= this.last; l++) {
      for (let i = 0; i < this.sizes[l]; i++) {
        for (let j = 0; j < this.sizes[l - 1]; j++) gradient[this.place(l, i, j)] += pass.dW(l, i, j) * share;
        gradient[this.place(l, i, this.sizes[l - 1])] += pass.db(l, i) * share;
      }
    }
  }
}
