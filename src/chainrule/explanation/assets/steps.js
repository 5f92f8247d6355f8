// The steps of one iteration: the boxes each lights, what it gives, its sentence, formula, numbers.

const W = (l) => sym("W", l);
const A = (l) => sym("a", l);
const Z = (l) => sym("z", l);
const dA = (l) => partial(mi("J"), A(l));
const dZ = (l) => partial(mi("J"), Z(l));

const ERFC = t`erfc is the complementary error function: erfc(x) is 2/√π times the area below exp(−t²) from t = x on.`;

/** What a formula of the layer holds that not every reader knows. */
const words = (markup) => (markup.includes("erfc") ? ` ${ERFC}` : "");

// Said where an activation such as softmax mixes the units of its layer.
const MIXES = t`Every a depends on every z of the layer, so the slopes are a whole matrix; [i = j] is 1 where i and j are the same unit, and 0 elsewhere. The table shows its diagonal.`;

/** All steps in order: forward from x to J, backward to dW^1 and da^0, and the update. */
function stepsOf(data) {
  const last = data.sizes.length - 1;
  const steps = [
    {
      title: t`Start: the sample`,
      says: t`The inputs x are a⁰, what the first layer receives.`,
      lit: ["a-0"],
      gives: ["a-0"],
      uses: [],
        formula: () => [mi("x"), mo("="), A(0)],
      table: (pass, page) => inputTable(pass, page),
    },
  ];
  for (let l = 1; l <= last; l++) steps.push(weighStep(l), activateStep(l, data));
  steps.push(costStep(last, data), startStep(last, data));
  for (let l = last; l >= 1; l--) steps.push(slopeStep(l, last, data), weightsStep(l), biasStep(l), pullStep(l));
  steps.push(updateStep(last));
  return steps;
}

function weighStep(l) {
  return {
    title: t`Forward, layer ${l}: z${raised(l)}`,
    says: t`Each unit adds up its inputs a${raised(l - 1)}, weighed by W${raised(l)}, and its bias. The result z${raised(l)} is cached for the way back.`,
    lit: [`f-${l}`, `a-${l - 1}`, `W-${l}`, `z-${l}`, `in-${l}`, `par-${l}`, `cached-${l}`],
    gives: [`z-${l}`],
    uses: [`a-${l - 1}`, `W-${l}`, `b-${l}`],
    formula: () => [Z(l), mo("="), W(l), A(l - 1), mo("+"), sym("b", l)],
    table: (pass, page) => sumTable(pass, page, l),
  };
}

function activateStep(l, data) {
  const name = data.layers[l - 1].spec;
  return {
    title: t`Forward, layer ${l}: a${raised(l)} = ${name}(z${raised(l)})`,
    says: t`The activation ${name} turns each z${raised(l)} into the layer's output a${raised(l)}.${words(data.layers[l - 1].f)}`,
    lit: [`f-${l}`, `z-${l}`, `a-${l}`, `out-${l}`],
    gives: [`a-${l}`],
    uses: [`z-${l}`],
    formula: () => [A(l), mo("="), written(data.layers[l - 1].f)],
    table: (pass) =>
      unitTable(["unit", `z${raised(l)}`, `a${raised(l)}`], pass.a[l].length, pass.a[l], (i) => [pass.z[l][i], pass.a[l][i]], l),
  };
}

function costStep(last, data) {
  const several = data.sizes[last] > 1 && !data.cost.J.includes("∑");
  return {
    title: t`Forward: the cost J`,
    says: t`The cost ${data.cost.spec} compares the prediction ŷ = a${raised(last)} with the target y. Here J is that of this one sample${several ? t`, the sum over its ${data.sizes[last]} outputs` : ""}.`,
    lit: ["cost", `a-${last}`, "y", "J", "cost-in", "cost-y", "cost-J"],
    gives: ["J"],
    uses: [`a-${last}`, `y-${last}`, "cost"],
    formula: () => [mi("J"), mo("="), written(data.cost.J)],
    table: (pass) => {
      const table = unitTable(["output", "ŷ", "y"], pass.y.length, pass.a[last], (i) => [pass.a[last][i], pass.y[i]], last);
      table.append(make("p", {}, "J = ", shown(pass.J, 6)));
      return table;
    },
  };
}

function startStep(last, data) {
  return {
    title: t`Backward: da${raised(last)}, where it starts`,
    says: t`The way back starts from the derivative of the cost with respect to the prediction.`,
    lit: [`da-${last}`, "J", "cost-da"],
    gives: [`da-${last}`],
    uses: ["J", "cost-da"],
    formula: () => [dA(last), mo("="), written(data.cost.da)],
    table: (pass) =>
      unitTable(["output", "ŷ", "y", `da${raised(last)}`], pass.y.length, pass.da[last], (i) => [
        pass.a[last][i],
        pass.y[i],
        pass.da[last][i],
      ], last),
  };
}

function slopeStep(l, last, data) {
  const together = l === last && data.pair;
  const mixes = data.layers[l - 1].mixes;
  return {
    title: t`Backward, layer ${l}: dz${raised(l)}`,
    says: together
      ? t`The cached z${raised(l)} is used again, by way of a${raised(l)}. With this cost, da · ${mixes ? `∂a${raised(l)}/∂z${raised(l)}` : "f′(z)"} is just a${raised(l)} − y, and is computed so: nothing overflows.${mixes ? ` ${MIXES}` : ""}`
      : mixes
        ? t`The cached z${raised(l)} is used again: the slopes ∂a${raised(l)}/∂z${raised(l)} carry da${raised(l)} through the activation. ${MIXES}`
        : t`The cached z${raised(l)} is used again: the slope f′(z${raised(l)}) carries da${raised(l)} through the activation.${words(data.layers[l - 1].df)}`,
    lit: [`g-${l}`, `da-${l}`, `z-${l}`, `reused-${l}`, `back-in-${l}`],
    gives: [`dz-${l}`],
    uses: [`da-${l}`, `z-${l}`],
    formula: () => {
      const chain = [dZ(l), mo("="), dA(l), mo("·"), partial(A(l), Z(l))];
      const slope = m("mtable", m("mtr", m("mtd", row(partial(A(l), Z(l)), mo("="), written(data.layers[l - 1].df)))));
      slope.setAttribute("displaystyle", "true");
      return together
        ? [...chain, mo("="), A(l), mo("−"), mi("y"), m("mspace"), mo(","), slope]
        : [...chain, mo(","), slope];
    },
    table: (pass) =>
      unitTable(["unit", "cached z", mixes ? `∂a${raised(l)}ᵢ/∂z${raised(l)}ᵢ` : "f′(z)", `da${raised(l)}`, `dz${raised(l)}`], pass.dz[l].length, pass.dz[l], (i) => [
        pass.z[l][i],
        pass.slopes[l][i],
        pass.da[l][i],
        pass.dz[l][i],
      ], l),
  };
}

function weightsStep(l) {
  return {
    title: t`Backward, layer ${l}: dW${raised(l)}`,
    says: t`The gradient of each weight is dz${raised(l)} of the unit it leads to, times a${raised(l - 1)} of the unit it comes from.`,
    lit: [`g-${l}`, `dW-${l}`, `dW-out-${l}`],
    gives: [`dW-${l}`],
    uses: [`dz-${l}`, `a-${l - 1}`],
    formula: () => [partial(mi("J"), W(l)), mo("="), dZ(l), mo("·"), partial(Z(l), W(l)), mo("="), dZ(l), mo("×"), A(l - 1)],
    table: (pass, page) => weightTable(pass, page, l),
  };
}

function biasStep(l) {
  return {
    title: t`Backward, layer ${l}: db${raised(l)}`,
    says: t`A bias adds to z${raised(l)} as it is, so its gradient is dz${raised(l)} itself.`,
    lit: [`g-${l}`, `db-${l}`, `db-out-${l}`],
    gives: [`db-${l}`],
    uses: [`dz-${l}`],
    formula: () => [partial(mi("J"), sym("b", l)), mo("="), dZ(l)],
    table: (pass) =>
      unitTable(["unit", `dz${raised(l)}`, `db${raised(l)}`], pass.dz[l].length, pass.dz[l], (i) => [pass.dz[l][i], pass.db(l, i)], l),
  };
}

function pullStep(l) {
  const end = l === 1 ? t` It is the gradient with respect to the inputs: here the way back ends.` : "";
  return {
    title: t`Backward, layer ${l}: da${raised(l - 1)}`,
    says: t`Each ${l === 1 ? t`input` : t`unit of layer ${l - 1}`} gathers dz${raised(l)} over the weights that lead from it.${end}`,
    lit: [`g-${l}`, `da-${l - 1}`, `back-out-${l}`],
    gives: [`da-${l - 1}`],
    uses: [`dz-${l}`, `W-${l}`],
    formula: () => [dA(l - 1), mo("="), dZ(l), mo("·"), partial(Z(l), A(l - 1)), mo("="), m("msup", row(mo("("), W(l), mo(")")), mi("T")), dZ(l)],
    table: (pass, page) => pixels(l === 1 ? page : null, pass.da[l - 1], t`da⁰ as a picture`,
      unitTable([l === 1 ? "input" : "unit", `a${raised(l - 1)}`, `da${raised(l - 1)}`], pass.da[l - 1].length, pass.da[l - 1], (j) => [
        pass.a[l - 1][j],
        pass.da[l - 1][j],
      ], l - 1)),
  };
}

function updateStep(last) {
  const layers = Array.from({ length: last }, (_, k) => k + 1);
  return {
    title: t`Update: W ← W − η dW`,
    says: t`Gradient descent moves every weight and bias a small step η against its gradient, here that of this one sample. Then forward begins again with the new values: next goes on.`,
    lit: layers.flatMap((l) => [`W-${l}`, `dW-${l}`, `db-${l}`]),
    gives: layers.flatMap((l) => [`W-${l}`, `b-${l}`]),
    uses: layers.flatMap((l) => [`dW-${l}`, `db-${l}`]),
    update: true,
    formula: () => [mi("W"), mo("←"), mi("W"), mo("−"), mi("η"), partial(mi("J"), mi("W")), m("mspace"), mo(","), mi("b"), mo("←"), mi("b"), mo("−"), mi("η"), partial(mi("J"), mi("b"))],
    table: (pass, page) => updateTable(pass, page),
  };
}
