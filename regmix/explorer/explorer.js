// The explorer's controls: everything that changes `state`, and the address that holds the mixture.

const KEY = "#mixture=";
const PENALTY = 10; // for each nat above a limit, as in regmix/regression/ensemble.py

const rows = weightRows(
  (k, input) => {
    if (input?.value) state.mixture = withWeight(state.mixture, k, Number(input.value), state.locked);
    show(input);
  },
  (k, on) => {
    if (on) state.locked.add(k);
    else state.locked.delete(k);
    show();
  },
);

/** Draw everything; `moving` is the input in the reader's hand. The address changes with the mixture. */
function show(moving = null) {
  const predicted = at(state.mixture);
  showWeights(rows, moving);
  showLosses(predicted);
  showPlace(predicted, load);
  showFronts(predicted, load);
  showText();
  const pairs = domains.map((name, k) => [encodeURIComponent(name), Number(state.mixture[k].toFixed(4))]);
  const address = KEY + pairs.filter(([, weight]) => weight).map((pair) => pair.join(":")).join(",");
  if (state.drawn && address !== location.hash) history.replaceState(null, "", address);
  state.drawn = true; // a page that is only read keeps its address
}

function load(mixture) {
  state.mixture = mixture;
  show();
}

function showText() {
  part.text.textContent = asText(part.format.value, data.templates, domains, state.mixture);
  part.copied.textContent = "";
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray %
  }
}

/** The mixture in the address, normalised; null if it has none. */
function readAddress() {
  if (!location.hash.startsWith(KEY)) return null;
  const pairs = location.hash.slice(KEY.length).split(",").map((pair) => pair.split(":"));
  const weights = Object.fromEntries(pairs.map(([name, weight]) => [decoded(name), Number(weight)]));
  const mixture = domains.map((name) => Math.max(0, weights[name] || 0));
  const total = mixture.reduce((sum, weight) => sum + weight, 0);
  return total > 0 && Number.isFinite(total) ? mixture.map((weight) => weight / total) : null;
}

/** From here to a mixture that scores lower on the objective asked for, as regmix/mixture/search.py scores. */
async function search() {
  const objective = objectives()[part.aim.value];
  const score = (mixture) => {
    const predicted = at(mixture, objective.names);
    const { mean, sd } = predicted.of(objective);
    const above = limitsOf("", objective, predicted).reduce((sum, limit) => sum + limit.over, 0);
    return mean + data.risk * sd + PENALTY * above + data.kl_reg * divergence(mixture, data.constraints.prior);
  };
  const excess = (mixture) =>
    constraintsOf(data.constraints, domains, mixture).reduce((sum, constraint) => sum + constraint.over, 0);
  part.search.disabled = true;
  load(await lower(state.mixture, score, excess, state.locked));
  part.search.disabled = false;
}

/** Set the weights of the reader's own objective. */
function aimFor(weights) {
  state.own = weights;
  const aim = part.aim.value;
  part.aim.replaceChildren(...Object.keys(objectives()).map((name) => option(name)));
  if (aim in objectives()) part.aim.value = aim;
  show();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(part.text.textContent);
    part.copied.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(part.text);
    part.copied.textContent = "Selected: press Ctrl+C.";
  }
}

const option = (value, text = value) => element("option", { value }, text);

for (const [title, mixture] of Object.entries(data.presets)) {
  part.presets.append(element("button", { type: "button", onclick: () => load(mixture) }, title));
  part.compare.append(option(title));
}
part.compare.value = state.compare;
part.compare.addEventListener("change", () => {
  state.compare = part.compare.value;
  show();
});
part.single.append(option("", "…"), ...domains.map((name) => option(name)));
part.single.addEventListener("change", () => {
  if (part.single.value) load(domains.map((name) => Number(name === part.single.value)));
  part.single.value = "";
});
part.search.addEventListener("click", search);

for (const name of data.losses) {
  const set = (event) => aimFor({ ...state.own, [name]: Number(event.target.value) || 0 });
  const input = element("input", { type: "number", min: 0, step: 0.1, value: 0, name, oninput: set });
  part.own.append(element("li", {}, element("label", {}, `${name} `, input)));
}
part["own-from"].append(
  option("", "nothing"), ...Object.keys(data.objectives).filter((name) => !data.objectives[name].references).map((name) => option(name)));
part["own-from"].addEventListener("change", () => {
  const from = data.objectives[part["own-from"].value] ?? { names: [] };
  const weights = Object.fromEntries(from.names.map((name, d) => [name, Number(from.weights[d].toFixed(3))]));
  for (const input of part.own.querySelectorAll("input")) input.value = weights[input.name] ?? 0;
  aimFor(weights);
});

part.format.append(option("json", "JSON"), ...Object.keys(data.templates).map((name) => option(name)));
part.format.addEventListener("change", showText);
part.copy.addEventListener("click", copy);
addEventListener("resize", () => showFronts(at(state.mixture), load));
addEventListener("hashchange", () => {
  const mixture = readAddress(); // null for a link to a part of the page
  if (mixture) load(mixture);
});

const given = readAddress();
root.hidden = false;
part["front-box"].hidden = !data.fronts.length;
part.hint.textContent = `Bars begin at the loss predicted for natural: to the left is better, and an arrow head means that it goes on beyond the scale. The line across is a ${Math.round(100 * data.level)}% interval of a run here, the diamond the mixture that the purple triangles mark.`;
aimFor({});
if (given) {
  load(given);
  root.scrollIntoView();
}
