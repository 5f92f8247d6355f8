// Read: the notes in chapters, in their words; each sets a state, and ends in a question.

/** The step that computes a box, by its key; "da-L" is where the way back starts. */
const isStep = (key) => (page) => page.steps.findIndex((step) => step.gives[0] === key.replace("L", page.model.last));

const CHAPTERS = [
  { title: t`Overview of steps`, level: "layers", step: () => 0,
    words: [t`Obtain some response data y and predictor data x. Initialize parameter values θ. Propagate forwards to get predictions ŷ. Compute the cost function J(θ) to get the error. Propagate backwards to get the gradient ∂J(θ)/∂θ. Use gradient descent to repeatedly update parameters θ until J(θ) is minimized.`],
    ask: t`Which of these steps are repeated?`, answer: t`The last ones: forwards, cost, backwards, update, until J is minimized. Press next through them: after the update, forward begins again.` },
  { title: t`Defining notation`, level: "units", step: isStep("z-1"),
    words: [t`The output of an activation function is based on the output of the activation function of its previous layer, the weights of the current layer, and the bias of the current layer: aˡ = f(wˡaˡ⁻¹ + bˡ).`, t`zˡ = wˡaˡ⁻¹ + bˡ is the weighted input of a neuron in layer l.`],
    ask: t`Which number in the picture is added to z whatever the input is?`, answer: t`The bias b, at the head of each unit.` },
  { title: t`Describing forward propagation`, level: "units", step: isStep("J"),
    words: [t`The goal of forward propagation is to calculate layer-by-layer neuron activations a until we get to the output ŷ.`, t`It is a layer-level function that receives input aˡ⁻¹ and outputs aˡ. We compare ŷ with the real value y to get the error.`],
    ask: t`ŷ is 0.5 and y is 1, with logistic cost. What is J?`, answer: t`−log 0.5 = 0.693.` },
  { title: t`Describing backward propagation`, level: "layers", step: isStep("da-L"),
    words: [t`The goal of backward propagation is to estimate parameters w and b by computing the partial derivatives ∂J(w,b)/∂w and ∂J(w,b)/∂b of a cost function J(w,b).`, t`It is a layer-level function that receives input ∂J/∂aˡ and outputs ∂J/∂aˡ⁻¹, ∂J/∂Wˡ and ∂J/∂bˡ.`],
    ask: t`Where does the way back start?`, answer: t`At the cost, with the derivative of J with respect to the prediction.` },
  { title: t`Illustrating both passes`, level: "layers", step: (page) => page.steps.length - 2,
    words: [t`Blue boxes are functions, yellow ones the inputs of a pass, green ones the outputs of inner functions, red ones the outputs of a pass. Dashed lines carry the cached zˡ.`, t`da⁰ is not really used, but it is there: the chain from J down to the inputs.`],
    ask: t`Why is z cached?`, answer: t`The way back needs the slope f′(z) at the z that the way forward passed.` },
  { title: t`Components of forward propagation`, level: "units", step: isStep("a-1"),
    words: [t`We cache zˡ and output aˡ: zˡ = Wˡaˡ⁻¹ + bˡ, aˡ = f(zˡ).`],
    ask: t`If z of a sigmoid unit grows without end, what does a become?`, answer: t`1: the unit saturates, and its slope goes to 0.` },
  { title: t`Components of backward propagation`, level: "units", step: isStep("dW-1"),
    words: [t`∂J/∂zˡ = ∂J/∂aˡ × ∂aˡ/∂zˡ, ∂J/∂Wˡ = ∂J/∂zˡ × aˡ⁻¹, ∂J/∂bˡ = ∂J/∂zˡ, ∂J/∂aˡ⁻¹ = Wˡ × ∂J/∂zˡ.`],
    ask: t`An input is 0. What is the gradient of every weight that leads from it?`, answer: t`0: dW is dz times that input.` },
  { title: t`Gradient checking`, level: "units", step: (page) => page.steps.length - 2,
    words: [t`For every element of a parameter, compute the gradient of the loss with respect to that element numerically, using finite differences. Note how slow this is! Thus we want to use the backpropagation algorithm instead.`, t`The card Debug has every gradient beside its numerical derivative, and the switches that break the way back.`],
    ask: t`Break the backward pass with the switch. Which rows turn to ✗?`, answer: t`Those that the wrong box feeds: everything below it on the way back.` },
  { title: t`Gradient descent`, level: "units", step: (page) => page.steps.length - 1,
    words: [t`The goal of gradient descent is to minimize the error by updating our weights and biases.`, t`We propagate forwards again to see how well those weights are performing, then backwards, and update again. This will go on until we reach some minimum of the error.`],
    ask: t`What happens if the learning rate is far too large?`, answer: t`The step jumps past the minimum and J rises. Try 100 as η, and train.` },
  { title: t`tldr`, level: "layers", step: (page) => page.steps.length - 1,
    words: [t`Forward propagation is a layer-level function that receives input aˡ⁻¹ and outputs aˡ. Backward propagation is a layer-level function that receives input ∂J/∂aˡ and outputs ∂J/∂aˡ⁻¹, ∂J/∂Wˡ and ∂J/∂bˡ.`, t`The goal of forward propagation is to understand how changes in the weights and biases lead to changes in the predictions; of backpropagation, how they lead to changes in the error; of gradient descent, to minimize the error by updating them based on those changes.`],
    ask: t`Which box would you watch to see whether the network learns?`, answer: t`J, over many rows: the curve in the time bar.` },
];

class Reader {
  constructor(page) {
    this.page = page;
    const select = $("chapter");
    select.append(make("option", { value: "" }, t`the steps alone`));
    CHAPTERS.forEach(({ title }, k) => select.append(make("option", { value: k }, `${k + 1} ${title}`)));
    select.addEventListener("change", () => this.open(select.value === "" ? null : Number(select.value)));
    $("chapter-next").addEventListener("click", () => this.open(this.at === null ? 0 : Math.min(this.at + 1, CHAPTERS.length - 1)));
    $("chapter-before").addEventListener("click", () => this.open(this.at ? this.at - 1 : null));
    this.at = null;
  }

  /** Open a chapter and set its state; null for the steps alone. */
  open(at, set = true) {
    this.at = at;
    $("chapter").value = at === null ? "" : String(at);
    $("chapter-before").disabled = at === null;
    $("chapter-next").disabled = at === CHAPTERS.length - 1;
    if (at === null) {
      fill($("chapter-words"));
      return this.page.changed();
    }
    const chapter = CHAPTERS[at];
    const answer = make("details", {}, make("summary", {}, chapter.ask), make("p", {}, chapter.answer));
    fill($("chapter-words"), ...chapter.words.map((words) => make("p", {}, words)), answer);
    $("panel-read").scrollTop = 0;
    if (!set) return;
    const { page } = this;
    Object.assign(page, { level: chapter.level, at: chapter.step(page) });
    if (page.pass) page.show();
  }
}
