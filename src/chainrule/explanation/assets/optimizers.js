// The optimizers of the package, one step over the flat theta; the tests compare them with NumPy's.

/** Scale a direction by the root of the mean of squares. */
const scaled = (theta, direction, squares, rate, epsilon) =>
  theta.map((v, k) => v - (rate * direction[k]) / (Math.sqrt(squares[k]) + epsilon));

const adamStep = (decay) => (theta, g, state, rate, t, s, decays) => {
  state.m = state.m.map((m, k) => s.beta1 * m + (1 - s.beta1) * g[k]);
  state.v = state.v.map((v, k) => s.beta2 * v + (1 - s.beta2) * g[k] * g[k]);
  const root = Math.sqrt(1 - s.beta2 ** t);
  const before = decay ? theta.map((v, k) => v * (1 - rate * s.weight_decay * (decays(k) ? 1 : 0))) : theta;
  return scaled(before, state.m, state.v, (rate * root) / (1 - s.beta1 ** t), s.epsilon * root);
};

const velocityStep = (ahead) => (theta, g, state, rate, t, s) => {
  state.v = state.v.map((v, k) => s.momentum * v + g[k]);
  return theta.map((v, k) => v - rate * (ahead ? g[k] + s.momentum * state.v[k] : state.v[k]));
};

// Each: (theta, g, state, rate, t, settings, decays) -> the new theta; the state is changed in place.
const OPTIMIZERS = {
  gradient_descent: (theta, g, state, rate) => theta.map((v, k) => v - rate * g[k]),
  momentum: velocityStep(false),
  nesterov: velocityStep(true),
  rmsprop: (theta, g, state, rate, t, s) => {
    state.s = state.s.map((v, k) => s.decay * v + (1 - s.decay) * g[k] * g[k]);
    return scaled(theta, g, state.s, rate, s.epsilon);
  },
  adagrad: (theta, g, state, rate, t, s) => {
    state.s = state.s.map((v, k) => v + g[k] * g[k]);
    return scaled(theta, g, state.s, rate, s.epsilon);
  },
  adam: adamStep(false),
  adamw: adamStep(true),
};

const freshState = (n) => ({ m: new Float64Array(n), v: new Float64Array(n), s: new Float64Array(n) });
