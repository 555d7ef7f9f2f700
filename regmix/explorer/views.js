// What is shown of `state`: weights, predicted losses, the mixture's place among the runs, the fronts.

const root = document.getElementById("explorer");
const data = JSON.parse(document.getElementById("explorer-data").textContent);
const part = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
const domains = data.ensemble.domains;
const at = predictor(data.ensemble);
const natural = at(data.presets.natural);
const OWN = "your own";

const state = {
  mixture: data.presets[data.start],
  locked: new Set(), // domains whose weight stays
  compare: data.start, // a preset
  own: {}, // weights of losses in the reader's own objective
};

/** All objectives, the reader's own too where one is set. */
function objectives() {
  const names = Object.keys(state.own).filter((name) => state.own[name] > 0);
  const total = names.reduce((sum, name) => sum + state.own[name], 0);
  if (!total) return data.objectives;
  return { ...data.objectives, [OWN]: { names, weights: names.map((name) => state.own[name] / total), unit: data.unit } };
}

/** A row for each domain: a slider with marks, a number, a lock. `set(k, input)` and `lock(k, on)` are told of moves. */
function weightRows(set, lock) {
  return domains.map((name, k) => {
    const input = (type, step, label) =>
      element("input", { type, min: 0, max: 1, step, "aria-label": label, oninput: (event) => set(k, event.target) });
    const slider = input("range", 0.005, `Weight of ${name}`);
    const number = input("number", 0.01, `Weight of ${name}, as a number`);
    number.addEventListener("change", () => set(k, null));
    const marks = ["x-natural", "x-other"].map((kind) => element("span", { class: `x-tick ${kind}` }));
    const box = element("input", { type: "checkbox", "aria-label": `Keep the weight of ${name}`,
      onchange: (event) => lock(k, event.target.checked) });
    part.weights.append(
      element("li", {},
        element("span", { class: "x-name", title: name }, name),
        element("span", { class: "x-slider" }, slider, ...marks),
        number,
        element("label", { class: "x-lock", title: `Keep the weight of ${name}` }, box, " lock")),
    );
    return { slider, number, marks };
  });
}

/** `moving` is the input in the reader's hand, which stays as it is. */
function showWeights(rows, moving) {
  rows.forEach(({ slider, number, marks }, k) => {
    const weight = state.mixture[k];
    if (slider !== moving) slider.value = weight;
    if (number !== moving) number.value = weight.toFixed(3);
    slider.setAttribute("aria-valuetext", fixed(weight));
    marks[0].style.setProperty("--at", data.presets.natural[k]);
    marks[1].style.setProperty("--at", data.presets[state.compare][k]);
    const others = domains.length - state.locked.size - (state.locked.has(k) ? 0 : 1);
    slider.disabled = number.disabled = state.locked.has(k) || others === 0;
  });
}

/** Bars of `items`, {name, now, before, other, note}: predictions here, at natural, and at the mixture compared with. */
function lossTable(caption, items, span) {
  const row = ({ name, now, before, other, note }) => {
    const [difference, half] = [now.mean - before.mean, data.half * now.sd];
    const digits = half < 0.01 ? 3 : 2;
    return element("tr", {},
      element("th", { scope: "row", title: name }, name, note ? element("small", {}, ` ${note}`) : ""),
      element("td", { class: "x-cell" }, bar(difference, half, other.mean - before.mean, span)),
      element("td", {}, `${fixed(now.mean, digits)} `, element("span", { class: "x-half" }, `± ${fixed(half, digits)}`)),
      element("td", {}, fixed(difference, digits, true)));
  };
  const head = [caption, `−${fixed(span, 1)} … +${fixed(span, 1)}`, "predicted", "minus natural"];
  return element("table", { class: "x-losses" },
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...items.map(row)));
}

/** The largest gain over natural that any run has in one of these objectives: a scale that shows all gains. */
function spanOf(list) {
  const gains = list.map((objective) => {
    const values = data.runs.map((run) => measured(run, objective, data.losses)).filter((value) => value !== null);
    return natural.of(objective).mean - Math.min(...values);
  });
  return Math.max(0.1, ...gains.filter(Number.isFinite));
}

function showLosses(predicted) {
  const other = at(data.presets[state.compare]);
  const worst = (objective) =>
    objective.references ? valueOf(objective, objective.names.map((name) => predicted.loss(name).mean)).worst : "";
  const table = (caption, named) =>
    lossTable(caption, named.map(([name, objective]) => ({
      name, now: predicted.of(objective), before: natural.of(objective), other: other.of(objective), note: worst(objective),
    })), spanOf(named.map(([, objective]) => objective)));
  const all = Object.entries(objectives());
  const units = [...new Set(all.map(([, objective]) => objective.unit))];
  part.objectives.replaceChildren(
    ...units.map((unit) => table(unit ? `objective, ${unit}` : "objective", all.filter(([, objective]) => objective.unit === unit))));
  part.losses.replaceChildren(table("loss", data.losses.map((name) => [name, { names: [name], weights: [1] }])));
}

/** How far the mixture is from all runs behind the regressors, what limits it, and which runs are near. */
function showPlace(predicted, load) {
  const runs = data.ensemble.mixtures;
  const distance = Math.min(...runs.map((mixture) => apart(mixture, state.mixture)));
  const far = distance > data.typical;
  part.status.classList.toggle("x-far", far);
  part.status.replaceChildren(
    element("strong", {}, far ? "Extrapolates. " : "Within what the runs cover. "),
    `The nearest of ${runs.length} runs is ${fixed(distance, 2)} away; neighbouring runs are ${fixed(data.typical, 2)} apart`,
    far ? ". Train a proxy here before you believe these numbers." : ".");
  const found = [
    ...constraintsOf(data.constraints, domains, state.mixture),
    ...Object.entries(data.objectives).flatMap(([name, objective]) => limitsOf(name, objective, predicted)),
  ];
  const order = ["broken", "reached", "kept"];
  found.sort((left, right) => order.indexOf(left.kind) - order.indexOf(right.kind));
  part.constraints.replaceChildren(
    ...(found.length ? found.map(constraintRow) : [element("li", {}, "No constraint applies.")]));
  fillNearest(part.nearest, nearest(data.runs, state.mixture, 5), objectives(), data.losses, predicted, load);
}

function showFronts(predicted, load) {
  const width = Math.min(620, part.front.clientWidth || 620);
  const charts = data.fronts.map((front) => {
    const mark = (title, kind, prediction, label) => {
      const [x, y] = front.names.map((name) => prediction.of(data.objectives[name]).mean);
      return { x, y, kind, title, label };
    };
    const marks = [mark("natural", "x-natural", natural, "natural"), mark("this mixture", "x-here", predicted)];
    return frontChart(front, marks, width, (i) => load(front.weights[i]));
  });
  const points = () => [...part.front.querySelectorAll("circle[tabindex]")];
  const focused = points().indexOf(document.activeElement);
  part.front.replaceChildren(...charts);
  points()[focused]?.focus();
}
