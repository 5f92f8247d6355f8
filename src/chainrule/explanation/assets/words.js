// The page's words in its language. The English ones are the key, {0} what stands in them.

const WORDS = JSON.parse($("words").textContent);

/** Words of the page: t`…` as they are written, or t("…") of a word that is passed on. */
function t(words, ...values) {
  const parts = typeof words === "string" ? [words] : words;
  const key = parts.reduce((whole, part, k) => `${whole}{${k - 1}}${part}`);
  return (WORDS[key] ?? key).replace(/\{(\d+)\}/g, (_, k) => values[k]);
}
