// The page at /: it asks the server it came from and draws the answer. A text only ever becomes a text node.

const FEW = 7; // labels that are all in view; of more, the best
const LEADING = 5;
const TOP = 5; // words in the legend
const STEPS = 5; // tones, as in attnclf/explain/palette.py

const VERDICTS = {
  "faithful": "these words account for the answer, clearly more than random ones would.",
  "weak": "these words account for the answer only a little more than random ones would.",
  "no better than chance": "random words would account for the answer as well. Try another method.",
  "too short to tell": "of fewer than 5 words, random ones are often the best ones.",
};

const $ = (id) => document.getElementById(id);
const [text, model, method, result, problem, tip] =
  ["text", "model", "method", "result", "problem", "tip"].map($);

// Every method that there is, with its group; each model has some of them.
const groups = [...method.children];
const known = new Map([...method.options].map((option) => [option.value, { option, group: option.parentElement }]));

let models = null;
let key = ""; // in memory only, where no other page of this server can read it
let running = null; // stops the request under way
let again = null; // what to do once there is a key
let preferred = ""; // the method that a person chose; until then the model's best

// Numbers and texts as attnclf/explain/terminal.py says them

const minus = (shown) => shown.replace("-", "−");
const figure = (value) => minus((Math.round(100 * value) / 100 + 0).toFixed(2));
const signed = (value) => (Math.round(100 * value) < 0 ? "" : "+") + figure(value);
const count = (number) => number.toLocaleString("en");

function percent(share) {
  if (share > 0 && share <= 0.005) return "<1\u00a0%";
  if (share >= 0.995 && share < 1) return ">99\u00a0%";
  return `${(100 * share).toFixed(0)}\u00a0%`;
}

// What would act on the screen, such as an override of the direction, becomes a symbol.
const UNSAFE =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]/gu;

function visible(shown) {
  return shown.replaceAll("\r\n", "\n").replace(UNSAFE, (one) => {
    const code = one.codePointAt(0);
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? "␡" : `‹${code.toString(16).toUpperCase()}›`;
  });
}

// What a reader sees as one character: a letter with its marks, a whole emoji.
const clusters = "Segmenter" in Intl
  ? (shown) => Array.from(new Intl.Segmenter("und", { granularity: "grapheme" }).segment(shown), (one) => one.segment)
  : (shown) => [...shown];

function short(shown, room = 24) {
  const parts = clusters(shown.slice(0, 8 * room));
  return visible(parts.length > room ? `${parts.slice(0, room - 1).join("")}…` : parts.join(""));
}

// Elements

function make(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === "role" || property.includes("-")) made.setAttribute(property, value);
    else made[property] = value;
  }
  made.append(...children);
  return made;
}

const bold = (shown) => make("strong", {}, shown);
const note = (...children) => make("p", { className: "note" }, ...children);
const legend = (...children) => make("p", { className: "legend" }, ...children);

// A label or a word between words of ours: it keeps its own direction.
const quoted = (shown, room = 24) => make("bdi", { lang: "" }, short(shown, room));

// Words with their amounts; each leads to its place in the text.
function listed(words, amounts) {
  return words.flatMap((word, place) => {
    const button = make("button", { type: "button" }, quoted(word.text));
    button.addEventListener("click", () => elements.get(word)?.focus());
    return [place ? ", " : "", make("span", { className: "share" }, button, ` ${amounts(word)}`)];
  });
}

// Asking

async function call(path, body, signal) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) };
  const sent = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal };
  const response = await fetch(path, sent).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("The server does not answer; is it still running?");
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const said = typeof answer.error === "string" ? answer.error : `The server answered with status ${response.status}`;
  throw Object.assign(new Error(said), { locked: response.status === 401 });
}

// Do one thing at a time: what is asked last counts, and what was under way is let go.
async function attempt(action) {
  running?.abort();
  const mine = (running = new AbortController());
  result.setAttribute("aria-busy", "true");
  problem.textContent = "";
  try {
    if (!models) await load(mine.signal);
    await action(mine.signal);
    $("unlock").hidden = true;
  } catch (error) {
    if (mine.signal.aborted) return;
    result.hidden = true;
    if (error.locked) ask_for_key(action);
    else problem.textContent = error.message;
  } finally {
    if (running === mine) result.removeAttribute("aria-busy");
  }
}

function ask_for_key(action) {
  if (key) problem.textContent = "That is not the key of this server.";
  key = "";
  again = action;
  $("unlock").hidden = false;
  $("key").focus();
}

async function load(signal) {
  ({ models } = await call("labels", null, signal));
  const names = Object.keys(models);
  model.replaceChildren(...names.map((name) => new Option(name, name, false, Boolean(models[name].default))));
  $("models").hidden = names.length < 2;
  describe();
}

// Say what the chosen model does, and offer the methods that it has.
function describe() {
  const { labels, task, methods, best } = models[model.value];
  const several = task === "multi-label" ? "a text may have several" : "one for each text";
  $("about").replaceChildren(
    ...(model.length < 2 ? [quoted(model.value), " · "] : []), `${count(labels.length)} labels, ${several}`,
  );
  document.title = `${model.value} · attnclf`;
  for (const group of groups) {
    const own = [...known.values()].filter((one) => one.group === group && methods.includes(one.option.value));
    for (const { option } of own) option.text = option.value + (option.value === best ? " (best)" : "");
    group.replaceChildren(...own.map((one) => one.option));
  }
  method.replaceChildren(...groups.filter((group) => group.children.length));
  method.value = methods.includes(preferred) ? preferred : best;
}

const explain = (further = {}) => attempt(async (signal) => {
  const asked = { text: text.value, model: model.value, method: method.value, map: false, ...further };
  const found = await call("explain", asked, signal);
  tip.hidden = true;
  result.replaceChildren(...drawn(found));
  result.hidden = false;
  $("status").textContent = spoken(found);
  result.scrollIntoView({ block: "nearest" });
});

// Drawing: each part takes the answer and returns elements

function drawn(found) {
  if (found.label === null) return [note("Nothing to classify: the text is blank.")];
  const isSigned = known.get(found.method)?.option.hasAttribute("data-signed") ?? false;
  const weights = found.tokens.map((word) => Math.abs(word.weight));
  // The scale of palette.py: no tone up to the even share, the full one at the heaviest word.
  const even = weights.reduce((sum, weight) => sum + weight, 0) / Math.max(weights.length, 1);
  const full = weights.reduce((most, weight) => Math.max(most, weight), 2 * even);
  const step = (weight) =>
    full > even ? Math.floor(STEPS * Math.max((Math.abs(weight) - even) / (full - even), 0) + 0.5) : 0;
  const scale = { even, full, step, isSigned };
  return [...labels(found), highlight(found, scale), ...worth(found), ...explained(found, scale)];
}

const chosen = (found) => found.chosen ?? [found.label]; // the answer names them where they are not just the label

function spoken(found) {
  if (found.label === null) return "Nothing to classify: the text is blank.";
  const verdict = found.faithfulness ? ` The highlight: ${found.faithfulness.verdict}.` : "";
  return `${chosen(found).join(", ") || "No label"}, ${percent(found.score)}.${verdict}`;
}

function labels(found) {
  const best = chosen(found);
  const scores = new Map(found.labels.map(({ label, score }) => [label, score]));
  const others = found.labels.filter(({ label }) => !best.includes(label)).map(({ label }) => label);
  const kept = scores.size <= FEW ? others.length : Math.max(LEADING - best.length, 2);
  const share = (name) => make("span", { className: "share" }, percent(scores.get(name)));
  const bars = (names) => make("ol", { className: "labels" }, ...names.map((name) => {
    const bar = make("span", { className: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", scores.get(name));
    return make("li", { className: best.includes(name) ? "chosen" : "" }, quoted(name, Infinity), bar, share(name));
  }));
  const parts = [bars([...best, ...others.slice(0, kept)])];
  if (!best.length) parts.unshift(note("No label is probable enough; the words are those for ", quoted(found.label), "."));
  if (kept < others.length) {
    const summary = make("summary", {}, `${others.length - kept} more labels`);
    const rest = others.slice(kept).map((name) => make("li", {}, quoted(name, Infinity), share(name)));
    parts.push(make("details", {}, summary, make("ol", { className: "rest" }, ...rest)));
  }
  return parts;
}

// Neighbouring clusters that belong to the same word, or to none; one shared by two words goes to the heavier.
function runs({ text: whole, tokens, truncated_at: stop }) {
  const found = [];
  let following = 0;
  let start = 0; // offsets count code points, as in Python
  for (const cluster of clusters(whole)) {
    const end = start + [...cluster].length;
    while (following < tokens.length && tokens[following].end <= start) following += 1;
    let word = null;
    for (let place = following; place < tokens.length && tokens[place].start < end; place += 1) {
      if (!word || Math.abs(tokens[place].weight) > Math.abs(word.weight)) word = tokens[place];
    }
    const read = stop === null || start < stop;
    const last = found.at(-1);
    if (last && last.word === word && last.read === read) last.text += cluster;
    else found.push({ text: cluster, word, read });
    start = end;
  }
  return found;
}

const said = new WeakMap(); // what the tip says of an element
const elements = new WeakMap(); // of the words

function highlight(found, { even, full, step, isSigned }) {
  const area = make("p", {
    className: "text", lang: "", dir: "auto", role: "group",
    "aria-label": "The text; arrow keys go from word to word and say their weights",
  });
  area.style.setProperty("--even", even);
  area.style.setProperty("--full", full);
  let heaviest = null;
  for (const { text: shown, word, read } of runs(found)) {
    if (!read) area.append(make("span", { className: "unread" }, visible(shown)));
    else if (!word) area.append(visible(shown));
    else {
      const one = make(step(word.weight) ? "mark" : "span", { className: "word", tabIndex: -1 }, visible(shown));
      one.classList.toggle("against", word.weight < 0);
      one.style.setProperty("--weight", Math.abs(word.weight));
      said.set(one, telling(found, word, isSigned));
      elements.set(word, one);
      if (!heaviest || Math.abs(word.weight) > heaviest.weight) heaviest = { one, weight: Math.abs(word.weight) };
      area.append(one);
    }
  }
  if (heaviest) heaviest.one.tabIndex = 0; // one stop for the Tab key: the word that matters most
  return area;
}

function amount(word, isSigned) {
  if (!isSigned) return percent(word.weight);
  return signed(word.weight) + (word.error ? ` ± ${word.error.toFixed(2)}` : "");
}

function telling(found, word, isSigned) {
  const parts = [bold(amount(word, isSigned))];
  if (isSigned) parts.push(word.weight < 0 ? " against " : " for ", quoted(found.label));
  if (word.contribution !== undefined && found.method !== "ngrams") parts.push(` · n-grams ${signed(word.contribution)}`);
  return parts;
}

function worth(found) {
  if (!found.tokens.length) return [];
  if (!found.faithfulness) {
    const measure = make("button", { type: "button" }, "Measure");
    measure.addEventListener("click", () => explain({ text: found.text, method: found.method, faithfulness: true }));
    return [make("div", { className: "verdict" },
      make("p", {}, bold("Not measured"), ": whether these words account for the answer. ", measure))];
  }
  const { verdict, delete: taken } = found.faithfulness;
  const by_chance = taken.random;
  return [make("div", { className: "verdict" },
    make("p", {}, bold(verdict[0].toUpperCase() + verdict.slice(1)), `: ${VERDICTS[verdict] ?? ""}`),
    make("p", {}, "Without the top words the probability of ", quoted(found.label),
      ` falls by ${figure(taken.comprehensiveness)} (random words: ${figure(by_chance.comprehensiveness)}); `
      + `with them alone, by ${figure(taken.sufficiency)} (${figure(by_chance.sufficiency)}).`))];
}

function tones(side = "") {
  const made = make("span", { className: "scale", "aria-hidden": "true" });
  made.style.setProperty("--even", 0);
  made.style.setProperty("--full", 1);
  for (let place = 1; place <= STEPS; place += 1) {
    const tone = make("mark", { className: side });
    tone.style.setProperty("--weight", place / STEPS);
    made.append(tone);
  }
  return made;
}

function explained(found, { even, full, step, isSigned }) {
  const meaning = known.get(found.method)?.option.title;
  const lines = [];
  const name = [bold(visible(found.method)), meaning ? `, ${meaning}: ` : ": "];
  if (!found.tokens.length) lines.push(legend(...name, "no word to weigh"));
  else if (!found.tokens.some((word) => step(word.weight))) {
    lines.push(legend(...name, "no word stands out", isSigned ? "" : ` from an even share (${percent(even)})`));
  } else if (isSigned) {
    lines.push(legend(...name, tones(), " for ", quoted(found.label), ", ", tones("against"),
      ` against it, from ±${even.toFixed(2)} to ±${full.toFixed(2)} (log-odds)`));
  } else {
    lines.push(legend(...name, `unshaded: ${percent(even)} or less (an even share), `, tones(), ` up\u00a0to\u00a0${percent(full)}`));
  }
  const top = (of) => found.tokens.filter(of).sort((one, other) => Math.abs(of(other)) - Math.abs(of(one))).slice(0, TOP);
  const heaviest = top((word) => word.weight);
  if (heaviest.length) lines.push(legend("top words: ", ...listed(heaviest, (word) => amount(word, isSigned))));
  const moving = found.method === "ngrams" ? [] : top((word) => Math.round(100 * (word.contribution ?? 0)));
  if (moving.length) {
    const amounts = listed(moving, (word) => signed(word.contribution));
    lines.push(legend(bold("n-grams"), " for ", quoted(found.label), ": ", ...amounts));
  }
  if (found.gap !== undefined) lines.push(legend(`convergence gap: ${minus(found.gap.toPrecision(1))}`));
  const length = [...found.text].length;
  if (found.truncated_at !== null && found.truncated_at < length) {
    lines.push(note(`The model read the first ${count(found.truncated_at)} of ${count(length)} characters.`));
  }
  return lines;
}

// The tip: what a word weighs, on pointing at it or going there by keys

function show(word) {
  const parts = said.get(word);
  if (!parts) return;
  tip.replaceChildren(...parts);
  tip.hidden = false;
  const [at] = word.getClientRects();
  const left = at.left + (at.width - tip.offsetWidth) / 2;
  const above = at.top - tip.offsetHeight - 6;
  tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${above < 4 ? at.bottom + 6 : above}px`;
  word.setAttribute("aria-describedby", "tip");
}

function hide() {
  tip.hidden = true;
}

function go(event) {
  const words = [...event.currentTarget.querySelectorAll(".word")];
  const place = words.indexOf(event.target);
  if (place < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
  const forward = getComputedStyle(event.target.parentElement).direction === "rtl" ? -1 : 1;
  const to = { ArrowRight: place + forward, ArrowLeft: place - forward, Home: 0, End: words.length - 1 }[event.key];
  if (to === undefined || !words[to]) return;
  event.preventDefault();
  words[place].tabIndex = -1;
  words[to].tabIndex = 0;
  words[to].focus();
}

result.addEventListener("pointerover", (event) => show(event.target));
result.addEventListener("pointerout", hide);
result.addEventListener("focusin", (event) => show(event.target));
result.addEventListener("focusout", hide);
result.addEventListener("keydown", go);
addEventListener("scroll", hide, { passive: true });

// What a person does

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("ask").requestSubmit();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  explain();
});
$("ask").addEventListener("click", (event) => {
  if (!event.target.closest(".examples button")) return;
  text.value = event.target.dataset.text;
  explain();
});
text.addEventListener("paste", () => setTimeout(explain)); // when the text is there
method.addEventListener("change", () => {
  preferred = method.value;
  if (text.value) explain();
});
model.addEventListener("change", () => {
  describe();
  if (text.value) explain();
});
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  key = String.fromCharCode(...new TextEncoder().encode($("key").value.trim())); // a header holds bytes
  attempt(again);
});
// Not by the attribute autofocus: where somebody was quicker, a browser complains of it.
if (document.activeElement === document.body) text.focus();
if (navigator.platform.startsWith("Mac")) $("keys").firstElementChild.textContent = "⌘";

attempt(async () => {});
