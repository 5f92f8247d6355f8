// The classic mistakes, made on purpose on the way back. Their sentences are the gradient check's.

/** Which layers a mistake can be made in so that it shows. */
const FAULTS = {
  slope: { box: "dz", fits: (model, l) => !model.data.layers[l - 1].mixes && model.data.layers[l - 1].spec !== "identity" },
  argument: { box: "dz", fits: (model, l) => FAULTS.slope.fits(model, l) && !model.data.layers[l - 1].range.includes(null) },
  stale: { box: "dz", fits: (model, l, rows) => FAULTS.slope.fits(model, l) && rows > 1 },
  sum: { box: "dz", fits: (model, l, rows) => l === model.last && rows > 1 },
  transpose: { box: "da", fits: (model, l) => model.sizes[l] > 1 && model.sizes[l - 1] > 1 },
  sign: { box: "dW", fits: () => true },
  layer: { box: "dW", fits: () => true },
  bias: { box: "db", fits: (model, l) => model.sizes[l] > 1 },
};

/** The box that a fault spoils, as the picture names it. */
const boxOf = ({ kind, layer }) => `${FAULTS[kind].box}-${kind === "transpose" ? layer - 1 : layer}`;

/** The gradient check's sentence on a fault. */
function sentenceOf(data, { kind, layer, rows }) {
  const words = { l: layer, p: layer - 1, L: data.sizes.length - 1, m: rows, W: `W${layer}`, b: `b${layer}`, f: data.layers[layer - 1].spec };
  return t(data.faults[kind].sentence).replace(/\{(\w)\}/g, (_, name) => words[name]);
}

/** The sample whose z a stale cache holds: the one before. */
const withOther = (fault, X, r) => (fault.kind === "stale" ? { ...fault, other: X[(r + X.length - 1) % X.length] } : fault);

function faultyDz(model, fault, l, { theta, a, z, da }) {
  if (!fault || fault.layer !== l) return null;
  const f = model.functions.activations[l - 1];
  if (fault.kind === "slope") return Float64Array.from(da[l]);
  if (fault.kind === "argument") return da[l].map((v, i) => v * f.df(a[l][i], f.f(a[l][i])));
  if (fault.kind === "stale" && fault.other) {
    const stale = model.forward(theta, fault.other);
    return da[l].map((v, i) => v * f.df(stale.z[l][i], stale.a[l][i]));
  }
  return null;
}

/** W read row by row where it should be column by column. */
function faultyPull(model, fault, l, theta, dz) {
  if (fault?.kind !== "transpose" || fault.layer !== l) return null;
  const n = model.sizes[l];
  const m = model.sizes[l - 1];
  const start = model.offsets[l - 1];
  return Float64Array.from({ length: m }, (_, j) => total(n, (i) => theta[start + i * m + j] * dz[i]));
}

function faultyW(fault, l, i, j, a, dz) {
  if (!fault || fault.layer !== l) return null;
  if (fault.kind === "sign") return -dz[l][i] * a[l - 1][j];
  return fault.kind === "layer" ? dz[l][i] * a[l][j % a[l].length] : null;
}

function faultyBias(fault, l, dz) {
  return fault?.kind === "bias" && fault.layer === l ? dz[l].reduce((sum, v) => sum + v, 0) : null;
}
