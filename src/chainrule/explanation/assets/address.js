// The state in the address, so that a link or a reload leads to the same screen.

const MOST_IN_ADDRESS = 64;
// What can be hidden, and what `only` leaves.
const PANELS = ["header", "levels", "card", "steps", "training"];
const ONLY = { picture: PANELS, stage: ["header", "card"] };

/** Numbers as text that an address can hold, with every bit. */
function packed(values) {
  const bytes = new Uint8Array(Float64Array.from(values).buffer);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function unpacked(words) {
  const bytes = Uint8Array.from(atob(words.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

/** The page's state as the part of an address behind #. */
function addressOf(page) {
  const { pick, fault } = page;
  const state = new URLSearchParams();
  state.set("row", String(page.data.rows[page.row]));
  state.set("step", String(page.at + 1));
  state.set("level", page.level);
  state.set("mode", page.mode);
  if (page.picked) state.set("pick", [pick.quantity, pick.layer, pick.unit, pick.input ?? ""].join("."));
  if ($("rate").value.trim()) state.set("eta", $("rate").value.trim());
  if ($("optimizer").value !== page.data.training.optimizer) state.set("optimizer", $("optimizer").value);
  if (fault) state.set(page.exercise ? "exercise" : "fault", `${fault.kind}.${fault.layer}`);
  if (page.reader.at !== null) state.set("chapter", String(page.reader.at + 1));
  if (page.theta !== page.trained && page.theta.length <= MOST_IN_ADDRESS) state.set("theta", packed(page.theta));
  if (page.X[page.row] !== page.given.X[page.row] && page.X[page.row].length <= MOST_IN_ADDRESS) state.set("x", packed(page.X[page.row]));
  if (page.Y[page.row] !== page.given.Y[page.row] && page.Y[page.row].length <= MOST_IN_ADDRESS) state.set("y", packed(page.Y[page.row]));
  if (page.hidden.size) state.set("hide", PANELS.filter((name) => page.hidden.has(name)).join("."));
  return state.toString();
}

/** A whole number from text within bounds, or the default. */
function bounded(words, low, high, otherwise) {
  const value = Number(words);
  return words !== null && Number.isInteger(value) && value >= low && value <= high ? value : otherwise;
}

/** Take a state over from an address; what does not fit is left as it is. */
function applyAddress(page, words) {
  const state = new URLSearchParams(words);
  const { model, data } = page;
  const row = data.rows.indexOf(Number(state.get("row")));
  if (state.has("row") && row >= 0) page.row = row;
  page.at = bounded(state.get("step"), 1, page.steps.length, page.at + 1) - 1;
  if (["layers", "units"].includes(state.get("level"))) page.level = state.get("level");
  if (["read", "play", "debug"].includes(state.get("mode"))) page.mode = state.get("mode");
  const eta = Number(state.get("eta"));
  if (state.has("eta") && eta > 0) $("rate").value = state.get("eta");
  if (state.get("optimizer") in OPTIMIZERS) $("optimizer").value = state.get("optimizer");
  for (const [name, of, length, rows] of [["theta", null, page.theta.length], ["x", "X", model.sizes[0]], ["y", "Y", model.sizes[model.last]]]) {
    if (!state.has(name)) continue;
    try {
      const values = unpacked(state.get(name));
      if (values.length !== length || !values.every(Number.isFinite)) continue;
      if (of) page[of][page.row] = values;
      else Object.assign(page, { theta: values, thetaName: "from the address" });
    } catch {
      // An address that was cut off: the model's own numbers stay.
    }
  }
  const pick = (state.get("pick") ?? "").split(".");
  if (["dW", "db", "dz", "da", "y"].includes(pick[0])) {
    const layer = bounded(pick[1], pick[0] === "da" ? 0 : pick[0] === "y" ? model.last : 1, model.last, null);
    const unit = layer === null ? null : bounded(pick[2], 0, model.sizes[layer] - 1, null);
    const input = pick[0] === "dW" && layer ? bounded(pick[3], 0, model.sizes[layer - 1] - 1, null) : null;
    if (unit !== null && (pick[0] !== "dW" || input !== null)) Object.assign(page, { pick: { quantity: pick[0], layer, unit, input }, picked: true });
  }
  const [kind, layer] = (state.get("fault") ?? state.get("exercise") ?? "").split(".");
  page.fault = page.debug.places.find((place) => place.kind === kind && place.layer === Number(layer)) ?? null;
  page.exercise = page.fault !== null && state.has("exercise");
  if (state.has("chapter")) page.reader.open(bounded(state.get("chapter"), 1, CHAPTERS.length, 1) - 1, !state.has("step"));
  const hidden = ONLY[state.get("only")] ?? (state.get("hide") ?? "").split(".");
  if (state.has("hide") || state.has("only")) page.hidden = new Set(PANELS.filter((name) => hidden.includes(name)));
  showPanels(page);
}

/** Show all panels but the hidden ones; the drawing takes their room. */
function showPanels(page) {
  document.body.dataset.hide = [...page.hidden].join(" ");
  for (const name of PANELS) if ($(`panel-of-${name}`)) $(`panel-of-${name}`).checked = !page.hidden.has(name);
  page.picture.fit();
}

/** Keep the address up to date, where the place allows it (a frame in a notebook does not). */
function keepAddress(page) {
  try {
    history.replaceState(null, "", `#${addressOf(page)}`);
  } catch {
    // Nothing is lost: only a reload would start anew.
  }
}
