// The keyboard: arrows step and move what is held, space plays, Ctrl Z undoes.

/** After a choice by pointer the arrows step again; by keyboard the field keeps them. */
function leaveFields() {
  let pointer = false;
  document.addEventListener("pointerdown", () => (pointer = true), true);
  document.addEventListener("keydown", () => (pointer = false), true);
  for (const id of ["sample", "epoch", "held-range"]) $(id).addEventListener("change", () => pointer && $(id).blur());
}

/** A key on the page: it steps, plays, moves what is held, undoes, or turns the card over. */
function pressKey(page, event) {
  if (event.altKey || event.defaultPrevented) return;
  const field = event.target.closest("input, select, textarea");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !field) {
    event.preventDefault();
    return page.undo();
  }
  if (event.ctrlKey || event.metaKey || field) return;
  const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (way && page.picked && editable(page.pick) && !event.target.closest("[role=tabpanel], summary")) {
    event.preventDefault();
    return page.held.nudge(way, event.shiftKey);
  }
  if (event.target.closest("[role=tab]") && event.key.startsWith("Arrow")) return turnTab(page, event);
  const pressed = event.target.closest("button, summary, a");
  if (event.key === " " && !pressed) {
    event.preventDefault();
    return page.play();
  }
  const moves = { ArrowRight: () => page.forwards(), ArrowLeft: () => page.goTo(page.at - 1), Home: () => page.goTo(0), End: () => page.goTo(page.steps.length - 1) };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
}

function turnTab(page, event) {
  const modes = ["read", "play", "debug"];
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  page.showMode(modes[(modes.indexOf(page.mode) + way + 3) % 3]);
  $(`tab-${page.mode}`).focus();
}
