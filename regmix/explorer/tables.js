// Constraints as they bind, the nearest runs, and the mixture as text.

const NEAR = 0.002; // from a bound, within which it counts as reached

/** Whether a value keeps its bounds (null: none), reaches or breaks one, and by how much. */
function against(value, lower, upper) {
  const over = Math.max(lower === null ? 0 : lower - value, upper === null ? 0 : value - upper, 0);
  if (over > 1e-6) return { kind: "broken", over };
  const near = (bound) => bound !== null && Math.abs(value - bound) < NEAR;
  return { kind: near(lower) || near(upper) ? "reached" : "kept", over };
}

const range = (lower, upper, digits = 2) =>
  [lower === null ? "" : `at least ${fixed(lower, digits)}`, upper === null ? "" : `at most ${fixed(upper, digits)}`]
    .filter(Boolean)
    .join(", ");

/** KL (nats) of a mixture from the prior. */
function divergence(mixture, prior) {
  return mixture.reduce((sum, weight, k) => sum + (weight > 0 ? weight * Math.log(weight / prior[k]) : 0), 0);
}

/** A ratio as it is written in params.yaml, from its row: `of - bound * to`. */
function ratio(sum, domains, mixture) {
  const of = sum.row.findIndex((factor) => factor === 1);
  const to = sum.row.findIndex((factor) => factor < 0);
  const least = sum.name.endsWith("at_least");
  const bound = to < 0 ? 0 : -sum.row[to];
  const value = mixture[of] / mixture[to];
  const { kind, over } = against(mixture[of] - bound * mixture[to], sum.lower, sum.upper);
  const shown = Number.isFinite(value) ? fixed(value, 2) : "undefined";
  const text = `${domains[of]} / ${domains[to]} = ${shown}, at ${least ? "least" : "most"} ${fixed(bound, 2)}`;
  return { kind, over, text };
}

/** What limits a mixture: {kind, over, text} for each constraint. */
function constraintsOf({ low, high, sums, prior, max_kl: farthest }, domains, mixture) {
  const found = [];
  domains.forEach((name, k) => {
    const [least, most] = [low[k], high[k]];
    if (least === null && most === null) return;
    const text = least === most ? `${name} is ${fixed(least, 2)}` : `${name} ${range(least, most)}`;
    found.push({ ...against(mixture[k], least, most), text });
  });
  for (const sum of sums) {
    const value = sum.row.reduce((total, factor, k) => total + factor * mixture[k], 0);
    const [lower, upper] = [sum.lower || null, sum.upper < 1 ? sum.upper : null];
    const name = sum.name.replace("groups.", "");
    found.push(
      sum.name.startsWith("ratios.")
        ? ratio(sum, domains, mixture)
        : { ...against(value, lower, upper), text: `${name} = ${fixed(value, 2)}, ${range(lower, upper)}` },
    );
  }
  if (farthest !== null) {
    const far = divergence(mixture, prior);
    found.push({ ...against(far, null, farthest), text: `${fixed(far, 2)} nats from natural, at most ${fixed(farthest, 2)}` });
  }
  return found;
}

/** An objective's limits on losses, as constraints on what is `predicted`. */
function limitsOf(title, objective, predicted) {
  return (objective.limits ?? []).flatMap((limit, d) => {
    if (limit === null) return [];
    const value = predicted.loss(objective.names[d]).mean;
    return [{ ...against(value, null, limit), text: `${title}: ${objective.names[d]} ${fixed(value)}, at most ${fixed(limit)}` }];
  });
}

function constraintRow({ kind, text }) {
  const word = { kept: "kept", reached: "binds", broken: "broken" }[kind];
  return element("li", { class: `x-${kind}` }, element("strong", {}, word), ` ${text}`);
}

/** L1 distance of two mixtures. */
const apart = (left, right) => left.reduce((sum, weight, k) => sum + Math.abs(weight - right[k]), 0);

/** The runs nearest to a mixture, with their distance. */
function nearest(runs, mixture, count) {
  const known = runs.map((run) => ({ ...run, distance: apart(run.weights, mixture) }));
  return known.sort((left, right) => left.distance - right.distance).slice(0, count);
}

const KIND_WORDS = { given: "given", random: "random", anchor: "anchor", proposal: "proposal", heldout: "held out" };

/** The value of an objective by a run's measured losses, whose order is that of `names`; null where one is missing. */
function measured(run, objective, names) {
  const losses = objective.names.map((name) => run.losses[names.indexOf(name)]);
  return losses.includes(null) ? null : valueOf(objective, losses).value;
}

/** The rows of the table of runs: this mixture as predicted, then `runs` as measured; `load` takes a run's weights. */
function fillNearest(table, runs, objectives, names, prediction, load) {
  const titles = Object.keys(objectives);
  const shown = (value) => (value === null ? "–" : fixed(value, 2));
  const head = ["run", "kind", "distance", ...titles].map((text) => element("th", { scope: "col" }, text));
  const here = titles.map((title) => element("td", {}, fixed(prediction.of(objectives[title]).mean, 2)));
  const rows = runs.map((run) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("button", { type: "button", onclick: () => load(run.weights) }, run.run)),
      element("td", {}, (KIND_WORDS[run.kind] ?? "confirming") + (run.count > 1 ? `, mean of ${run.count}` : "")),
      element("td", {}, fixed(run.distance, 2)),
      ...titles.map((title) => element("td", {}, shown(measured(run, objectives[title], names)))),
    ),
  );
  table.replaceChildren(
    element("thead", {}, element("tr", {}, ...head)),
    element(
      "tbody",
      {},
      element("tr", { class: "x-own-row" }, element("th", { scope: "row" }, "this mixture"), element("td", {}, "predicted"),
        element("td", {}, ""), ...here),
      ...rows,
    ),
  );
}

/** The mixture in a trainer's format, or as JSON; weights have six decimals and domains without weight are left out. */
function asText(format, templates, domains, mixture) {
  const used = domains.map((name, k) => [name, Number(mixture[k].toFixed(6)), k]).filter(([, weight]) => weight > 0);
  if (format === "json") return `${JSON.stringify(Object.fromEntries(used), null, 1)}\n`;
  const { before, blocks, after, comment } = templates[format];
  const about = comment ? `${comment} Weights are shares of tokens; domains without weight are left out.\n` : "";
  return about + before + used.map(([, weight, k]) => blocks[k].replace("{weight}", weight)).join("") + after;
}
