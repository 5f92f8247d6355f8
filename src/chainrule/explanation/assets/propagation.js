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

  forward(theta, x) {
    const a = [Float64Array.from(x)];
    const z = [null];
    for (let l = 1; l <= this.last; l++) {
      z.push(this.weigh(theta, l, a[l - 1]));
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

  /** Both passes of one sample: a, z, da, dz by layer, slopes da/dz, and J. */
  passes(theta, x, y) {
    const { a, z } = this.forward(theta, x);
    const L = this.last;
    const da = new Array(L + 1);
    const dz = new Array(L + 1);
    const slopes = [null];
    for (let l = 1; l <= L; l++) slopes.push(this.slopes(l, z[l], a[l]));
    da[L] = a[L].map((v, i) => this.functions.cost.da(v, y[i]));
    for (let l = L; l >= 1; l--) {
      dz[l] = l === L && this.data.pair ? a[L].map((v, i) => v - y[i]) : this.through(l, da[l], a[l], slopes[l]);
      da[l - 1] = this.pull(theta, l, dz[l]);
    }
    return { a, z, da, dz, slopes, y, J: this.cost(z[L], a[L], y) };
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

  /** The mean cost over all samples of the page, penalties included. */
  meanCost(theta, X, Y) {
    let sum = 0;
    for (let r = 0; r < X.length; r++) {
      const { a, z } = this.forward(theta, X[r]);
      sum += this.cost(z[this.last], a[this.last], Y[r]);
    }
    return sum / X.length + this.penalty(theta);
  }

  /** dJ/dtheta over all samples of the page, penalties included. */
  gradient(theta, X, Y) {
    const { l1, l2 } = this.data;
    const found = new Float64Array(theta.length);
    for (let r = 0; r < X.length; r++) {
      const { a, dz } = this.passes(theta, X[r], Y[r]);
      for (let l = 1; l <= this.last; l++) {
        const n = this.sizes[l];
        const m = this.sizes[l - 1];
        const start = this.offsets[l - 1];
        for (let j = 0; j <= m; j++) {
          const value = (j < m ? a[l - 1][j] : 1) / X.length;
          if (value === 0) continue;
          const row = start + j * n;
          for (let i = 0; i < n; i++) found[row + i] += value * dz[l][i];
        }
      }
    }
    if (l1 || l2) {
      for (let k = 0; k < theta.length; k++) {
        if (!this.isBias(k)) found[k] += l1 * Math.sign(theta[k]) + l2 * theta[k];
      }
    }
    return found;
  }

  /** On which side of every kink the units behind are; to see whether a step passes one. */
  sides(theta, kind, l, v, y) {
    let found = "";
    let a = v;
    let z = kind === "z" ? v : null;
    for (let k = kind === "z" ? l : l + 1; k <= this.last; k++) {
      z = z === null ? this.weigh(theta, k, a) : z;
      for (const kink of this.data.layers[k - 1].kinks) found += Array.from(z, (t) => (t > kink ? 1 : 0)).join("");
      a = this.activate(k, z);
      z = null;
    }
    for (const kink of this.data.cost.kinks) found += Array.from(a, (t, i) => (t - y[i] > kink ? 1 : 0)).join("");
    return found;
  }

  /**
   * The central difference of one sample's J as unit i of a^l or z^l (kind) moves by t slope:
   * from h and h/2, extrapolated, with its error bar and whether a kink lies within the step.
   */
  numerical(theta, pass, kind, l, i, slope) {
    const base = kind === "a" ? pass.a[l] : pass.z[l];
    const at = (t) => {
      const v = Float64Array.from(base);
      v[i] += t * slope;
      return v;
    };
    const J = (t) => {
      const end = this.tail(theta, kind, l, at(t));
      return this.cost(kind === "a" && l === this.last ? null : end.z, end.a, pass.y);
    };
    let h = (1e-3 * Math.max(1, Math.abs(base[i]))) / Math.max(1, Math.abs(slope));
    if (kind === "a" && l === this.last) {
      const [low, high] = this.data.layers[l - 1].range;
      const room = Math.min(low === null ? Infinity : base[i] - low, high === null ? Infinity : high - base[i]);
      if (room > 0 && Number.isFinite(room)) h = Math.min(h, room * 1e-3);
    }
    const middle = J(0);
    for (let tries = 0; ; tries++, h *= 1e-2) {
      const [up, down, up2, down2] = [J(h), J(-h), J(h / 2), J(-h / 2)];
      const whole = (up - down) / (2 * h);
      const half = (up2 - down2) / h;
      // What rounding does: in units of the last place, and as the fourth difference shows it.
      const wavering = Math.abs(up + down - 4 * (up2 + down2) + 6 * middle);
      const rounding = (32 * 2.3e-16 * (Math.max(Math.abs(up), Math.abs(down)) + 1e-3) + wavering) / h;
      const kink = this.sides(theta, kind, l, at(h), pass.y) !== this.sides(theta, kind, l, at(-h), pass.y);
      const jump = kink ? Math.abs(up2 + down2 - 2 * middle) / (h / 2) : 0;
      const found = { value: half + (half - whole) / 3, error: Math.abs(half - whole) + rounding + jump, kink };
      if (!kink || tries === 2) return found;
    }
  }
}
