// Numbers: unpacking arrays, spelling numbers.

/** Bytes that were deflated and written in base64. */
async function inflated(words) {
  const bytes = Uint8Array.from(atob(words), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Unpack what inline_assets.py packed: planes of bytes, most significant first. */
async function unpack(packed) {
  const planes = await inflated(packed.data);
  const count = packed.shape.reduce((p, n) => p * n, 1);
  const view = new DataView(new ArrayBuffer(8));
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < packed.width; k++) {
      view.setUint8(k, k < packed.keep ? planes[k * count + i] : 0);
    }
    values[i] = packed.width === 8 ? view.getFloat64(0) : view.getFloat32(0);
  }
  return values;
}

/** Spell a number in so many digits, with a true minus. */
function spell(value, digits = 5) {
  if (Number.isNaN(value)) return t`not a number`;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  text = text.replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");
  return text.replace(/-/g, "−").replace("e+", "e");
}

/** Make an element: its classes, attributes and children (text stays text). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A number to read, with all of its digits in data-value and in the tooltip. */
function shown(value, digits) {
  return make("data", { value: String(value), title: String(value) }, spell(value, digits));
}

const $ = (id) => document.getElementById(id);

/** Replace what an element holds. */
function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null));
}

const LANGUAGE = document.documentElement.lang;
const plural = (n, word) => `${n.toLocaleString(LANGUAGE)} ${t(n === 1 ? word : `${word}s`)}`;
