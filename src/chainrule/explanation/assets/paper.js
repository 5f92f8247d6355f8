// On paper: a handout of all steps with formula and numbers, or a worksheet with blanks and solution.

/** Leave what is to be computed empty: of a sum of weights the result, else every number but W. */
function blankOut(table, step) {
  const given = step.gives[0].startsWith("z-") ? "td:not(:last-child)" : step.update ? "td:nth-child(2)" : "none";
  const blank = () => make("span", { class: "blank" }, " ");
  for (const value of table.querySelectorAll("tbody td, p data")) if (!value.matches(given)) value.replaceChildren(blank());
  for (const head of table.querySelectorAll("th")) if (/ = \S+$/.test(head.textContent)) head.replaceChildren(head.textContent.replace(/\S+$/, ""), blank());
  for (const sum of table.querySelectorAll("p.formula, figure")) sum.remove();
}

/** A step with its formula and numbers; with blanks, what is computed stands empty. */
function stepOnPaper(page, step, k, blanks) {
  const table = step.table(page.pass, page);
  for (const button of table.querySelectorAll("button")) button.remove();
  if (blanks) blankOut(table, step);
  return make("section", { class: "paper-step" }, make("h2", {}, `${k + 1}. ${step.title}`), make("p", {}, step.says), make("div", { class: "formula" }, math(...step.formula())), table);
}

/** Lay out what is to be printed: the picture with every number, and all steps. */
function layOutPaper(page, worksheet) {
  const { at, level } = page;
  page.level = "units";
  page.at = blankFrom(page, worksheet);
  page.picture.light(page.steps, page.at);
  const picture = () => {
    const copy = $("units-picture").firstElementChild.cloneNode(true);
    copy.setAttribute("aria-hidden", "true");
    for (const element of copy.querySelectorAll("[id]")) element.removeAttribute("id");
    for (const element of copy.querySelectorAll(".cr-now, .cr-used, .cr-picked")) element.classList.remove("cr-now", "cr-used", "cr-picked");
    return copy;
  };
  const steps = (blanks) => page.steps.map((step, k) => stepOnPaper(page, step, k, blanks && k > 0));
  const parts = [make("h1", {}, document.title), make("p", {}, worksheet ? t`Fill in the blanks, step by step. The solution is on the last pages.` : t`Both passes of one sample, step by step.`), picture(), ...steps(worksheet)];
  if (worksheet) {
    page.picture.light(page.steps, page.steps.length - 2);
    parts.push(make("h1", { class: "solution" }, "Solution"), picture(), ...steps(false));
  }
  fill($("paper"), ...parts);
  Object.assign(page, { at, level });
  page.picture.light(page.steps, at);
}

/** A worksheet shows what is given; a handout every number before the update. */
const blankFrom = (page, worksheet) => (worksheet ? 0 : page.steps.length - 2);
