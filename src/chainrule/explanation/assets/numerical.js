// The numerical derivative of one sample's J with its error bar, and the side by side of all.

/** On which side of every kink the units behind are; to see whether a step passes one. */
function sidesOf(model, theta, kind, l, v, y) {
  let sides = "";
  let a = v;
  let z = kind === "z" ? v : null;
  for (let k = kind === "z" ? l : l + 1; k <= model.last; k++) {
    z = z === null ? model.weigh(theta, k, a) : z;
    for (const kink of model.data.layers[k - 1].kinks) sides += Array.from(z, (t) => (t > kink ? 1 : 0)).join("");
    a = model.activate(k, z);
    z = null;
  }
  for (const kink of model.data.cost.kinks) sides += Array.from(a, (t, i) => (t - y[i] > kink ? 1 : 0)).join("");
  return sides;
}

/**
 * The central difference of one sample's J as unit i of a^l or z^l (kind) moves by t slope:
 * from h and h/2, extrapolated, with its error bar and whether a kink lies within the step.
 */
function numerical(model, theta, pass, kind, l, i, slope) {
  const base = kind === "a" ? pass.a[l] : pass.z[l];
  const at = (t) => {
    const v = Float64Array.from(base);
    v[i] += t * slope;
    return v;
  };
  const J = (t) => {
    const end = model.tail(theta, kind, l, at(t));
    return model.cost(kind === "a" && l === model.last ? null : end.z, end.a, pass.y);
  };
  let h = (1e-3 * Math.max(1, Math.abs(base[i]))) / Math.max(1, Math.abs(slope));
  if (kind === "a" && l === model.last) {
    const [low, high] = model.data.layers[l - 1].range;
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
    const kink = sidesOf(model, theta, kind, l, at(h), pass.y) !== sidesOf(model, theta, kind, l, at(-h), pass.y);
    const jump = kink ? Math.abs(up2 + down2 - 2 * middle) / (h / 2) : 0;
    if (!kink || tries === 2) return { value: half + (half - whole) / 3, error: Math.abs(half - whole) + rounding + jump, kink };
  }
}

/** The gradient that the pass has for a pick, and its numerical derivative. */
function sideBySide(model, theta, pass, { quantity, layer: l, unit: i, input: j }) {
  const value = quantity === "dW" ? pass.dW(l, i, j) : quantity === "db" ? pass.db(l, i) : pass[quantity][l][i];
  const slope = quantity === "dW" ? pass.a[l - 1][j] : 1;
  const derivative = numerical(model, theta, pass, quantity === "da" ? "a" : "z", l, i, slope);
  return { gradient: value, ...derivative, ...verdictOf(value, derivative) };
}

/** Say whether a gradient and its numerical derivative agree. */
function verdictOf(value, { value: numeric, error, kink }) {
  if (!Number.isFinite(numeric) || !Number.isFinite(value)) {
    return { agrees: null, words: t`cannot be compared: a number is not finite` };
  }
  if (kink) return { agrees: true, words: t`a kink lies here: the derivative jumps, and either side is right` };
  const agrees = Math.abs(numeric - value) <= error;
  return { agrees, words: agrees ? t`✓ they agree` : t`✗ they disagree` };
}

const MOST_COMPARED = 60;
// Larger networks compare fewer entries, so that looking takes no longer than a moment.
const [LEAST_SEARCHED, MOST_SEARCHED, WORK] = [40, 400, 4e6];
const MOST_WORST = 12;

/** Every gradient beside its numerical derivative; of larger networks the entries that differ most. */
function compareAll(model, theta, pass) {
  const count = theta.length;
  const most = Math.max(LEAST_SEARCHED, Math.min(MOST_SEARCHED, Math.floor(WORK / count)));
  const step = Math.max(1, Math.ceil(count / most));
  const lines = [];
  for (let k = 0; k < count; k += step) {
    const { layer, unit, input } = model.entry(k);
    const pick = { quantity: input === null ? "db" : "dW", layer, unit, input };
    const compared = sideBySide(model, theta, pass, pick);
    lines.push({ pick, ...compared });
  }
  const searched = lines.length;
  if (count <= MOST_COMPARED) return { lines, searched, count };
  const off = ({ gradient, value, error }) => Math.abs(gradient - value) / (error || 1);
  lines.sort((one, other) => off(other) - off(one));
  return { lines: lines.slice(0, MOST_WORST), searched, count };
}

/** The boxes of the way back in their order, each with the quantity that it gives. */
function boxesBackwards(last) {
  const boxes = [["da", last]];
  for (let l = last; l >= 1; l--) boxes.push(["dz", l], ["dW", l], ["db", l], ["da", l - 1]);
  return boxes;
}

/** The first box on the way back whose numbers are not those of the numerical derivative, or null. */
function faultyBox(model, theta, pass, telling) {
  for (const [quantity, l] of boxesBackwards(model.last)) {
    const units = telling(l).slice(0, quantity === "dW" ? MOST_COMPARED / 10 : MOST_COMPARED);
    const inputs = quantity === "dW" ? telling(l - 1).slice(0, 4) : [null];
    for (const unit of units) {
      for (const input of inputs) {
        const pick = { quantity, layer: l, unit, input };
        const compared = sideBySide(model, theta, pass, pick);
        if (compared.agrees === false) return { key: `${quantity}-${l}`, pick, compared };
      }
    }
  }
  return null;
}
