// Formulas in MathML, built as elements: names and numbers are only ever text.

const MATHML = "http://www.w3.org/1998/Math/MathML";

function m(tag, ...children) {
  const element = document.createElementNS(MATHML, tag);
  element.append(...children.map((child) => (typeof child === "number" ? String(child) : child)));
  return element;
}

const mi = (name) => m("mi", name);
const mo = (sign) => m("mo", sign);
const row = (...parts) => m("mrow", ...parts);

/** A symbol with its layer above and its index below. */
function sym(name, layer = null, ...index) {
  const base = mi(name);
  const below = index.length ? m("mn", index.join(",")) : null;
  if (layer !== null && below) return m("msubsup", base, below, m("mn", layer));
  if (layer !== null) return m("msup", base, m("mn", layer));
  return below ? m("msub", base, below) : base;
}

const partial = (top, bottom) => m("mfrac", row(mo("∂"), top), row(mo("∂"), bottom));

/** A number as MathML; negative ones in brackets where asked. */
function mnum(value, brackets = false, digits = 4) {
  const text = spell(value, digits);
  const element = /^[\d.∞]/.test(text)
    ? m("mn", text)
    : text.startsWith("−")
      ? row(mo("−"), m("mn", text.slice(1)))
      : m("mtext", text);
  return brackets && value < 0 ? row(mo("("), element, mo(")")) : element;
}

/** Put parts side by side with a sign between them. */
function between(parts, sign) {
  return parts.flatMap((part, k) => (k ? [mo(sign), part] : [part]));
}

function math(...parts) {
  const element = m("math", row(...parts));
  element.setAttribute("displaystyle", "true");
  return element;
}

function inlineMath(...parts) {
  return m("math", row(...parts));
}

/** MathML that the package has written (formulas of its own tables), as an element. */
function written(markup) {
  const parsed = new DOMParser().parseFromString(
    `<math xmlns="${MATHML}"><mrow>${markup}</mrow></math>`,
    "application/xml",
  );
  return document.importNode(parsed.documentElement.firstElementChild, true);
}
