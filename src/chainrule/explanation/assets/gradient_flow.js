// Over all samples of the page: the mean cost and its gradient, and units and layers in trouble.

/** Look at all samples at once: J, dJ/dtheta, and what to mark. */
function surveyOf(model, theta, X, Y) {
  const idle = model.sizes.map((n) => new Float64Array(n));
  const flat = model.sizes.map((n) => new Float64Array(n));
  const squares = new Float64Array(model.last + 1);
  let finite = true;
  const top = model.data.layers.map((layer, l) => steepest(model, l + 1, layer));
  for (let r = 0; r < X.length; r++) {
    const pass = model.passes(theta, X[r], Y[r]);
    for (let l = 1; l <= model.last; l++) {
      finite &&= pass.z[l].every(Number.isFinite) && pass.dz[l].every(Number.isFinite);
      for (let i = 0; i < model.sizes[l]; i++) {
        const slope = Math.abs(pass.slopes[l][i]);
        if (slope === 0) idle[l][i] += 1 / X.length;
        if (slope < model.data.limits.flat * top[l - 1]) flat[l][i] += 1 / X.length;
        squares[l] += pass.dz[l][i] ** 2 / X.length / model.sizes[l];
      }
    }
  }
  const J = model.meanCost(theta, X, Y);
  return { J, gradient: model.gradient(theta, X, Y), ...judge(model, theta, idle, flat, squares, X.length, finite && Number.isFinite(J)) };
}

/** The steepest slope of a layer's activation; 0 where being flat is no trouble. */
function steepest(model, l, layer) {
  const f = model.functions.activations[l - 1];
  if (f === null || layer.range.includes(null) || l === model.last) return 0;
  return Math.abs(f.df(0, f.f(0)));
}

/** What is wrong: marks on units by layer, and findings in sentences. */
function judge(model, theta, idle, flat, squares, samples, finite) {
  const few = samples === 1 ? t`a single sample` : t`${samples} samples`;
  const chance = samples < model.data.limits.few ? t` With ${few} only, this may be chance.` : "";
  const marks = model.sizes.map(() => new Map());
  const findings = [];
  for (let l = 1; l < model.last; l++) {
    const dead = [];
    const saturated = [];
    for (let i = 0; i < model.sizes[l]; i++) {
      if (idle[l][i] > 1 - 1e-9 && model.data.layers[l - 1].range.includes(null)) dead.push(i);
      else if (flat[l][i] >= model.data.limits.most - 1e-9) saturated.push(i);
    }
    dead.forEach((i) => marks[l].set(i, t`is dead: its slope is 0 for every sample, so nothing behind it learns through it`));
    saturated.forEach((i) => marks[l].set(i, t`is saturated: for nearly every sample z lies where the activation is flat`));
    if (dead.length) findings.push({ kind: "dead", layer: l, units: dead, text:
      t`Layer ${l}: ${count(dead, model.sizes[l])} dead. The slope of ${model.data.layers[l - 1].spec} is 0 for every sample here, so no gradient passes and the weights into ${dead.length === 1 ? t`it` : t`them`} no longer move. A smaller learning rate, or leaky_relu, keeps units alive.${chance}` });
    if (saturated.length) findings.push({ kind: "saturated", layer: l, units: saturated, text:
      t`Layer ${l}: ${count(saturated, model.sizes[l])} saturated. For at least ${Math.round(100 * model.data.limits.most)}% of the samples |z| is so large that ${model.data.layers[l - 1].spec} is nearly flat, and little gradient passes. Smaller weights, or standardised inputs, help.${chance}` });
  }
  findings.push(...flow(model, squares));
  if (!theta.every(Number.isFinite)) findings.unshift({ kind: "broken", layer: 0, units: [], text:
    t`Some parameters are not finite numbers: the training diverged, or the file was made so. Nothing computed from them means anything.` });
  else if (!finite) findings.unshift({ kind: "broken", layer: 0, units: [], text:
    t`J, a z or a dz is not a finite number for some sample, although all parameters are: they or the inputs are so large that numbers overflow. Smaller weights, or standardised inputs, help.` });
  return { marks, findings };
}

const count = (units, n) => {
  const named = units.length <= 8 ? ` (${units.join(", ")})` : "";
  const several = plural(n, "unit");
  return units.length === 1 ? t`${units.length} of ${several}${named} is` : t`${units.length} of ${several}${named} are`;
};

/** Layers whose dz is far smaller or larger than the output's: vanishing and exploding gradients. */
function flow(model, squares) {
  const size = (l) => Math.sqrt(squares[l]);
  const end = size(model.last);
  if (!(end > 0) || !Number.isFinite(end)) return [];
  const findings = [];
  const small = [];
  const large = [];
  for (let l = 1; l < model.last; l++) {
    if (size(l) < end / model.data.limits.far) small.push(l);
    if (size(l) > end * model.data.limits.far) large.push(l);
  }
  const add = (kind, layers, text) => layers.length && findings.push({ kind, layer: layers[0], units: [], text });
  const list = (layers) => (layers.length === 1 ? t`layer ${layers.join(", ")}` : t`layers ${layers.join(", ")}`);
  add("vanishing", small, t`Vanishing gradient: in ${list(small)} dz is typically more than 1000 times smaller than at the output (${spell(size(small[0]), 2)} against ${spell(end, 2)}), so these layers hardly learn. Relu-like activations, fewer layers or a better initialisation help.`);
  add("exploding", large, t`Exploding gradient: in ${list(large)} dz is typically more than 1000 times larger than at the output (${spell(size(large[0]), 2)} against ${spell(end, 2)}), so one step can throw the weights far off. Smaller weights, a smaller learning rate or clipping help.`);
  return findings;
}
