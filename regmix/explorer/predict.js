// Predicted losses at a mixture, as regmix/regressors and regmix/regression/ensemble.py compute them.
//
// Mixtures are arrays (K,), predictions {mean, sd}: the loss of a run there and its standard deviation.

/** The lower Cholesky factor of a symmetric matrix, both as arrays of rows. */
function cholesky(matrix) {
  const factor = matrix.map(() => new Float64Array(matrix.length));
  for (let i = 0; i < matrix.length; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i][j];
      for (let k = 0; k < j; k++) rest -= factor[i][k] * factor[j][k];
      factor[i][j] = i === j ? Math.sqrt(rest) : rest / factor[j][j];
    }
  }
  return factor;
}

/** The squared length of inverse(factor) * vector. */
function explained(factor, vector) {
  const solved = new Float64Array(vector.length);
  let total = 0;
  for (let i = 0; i < vector.length; i++) {
    let rest = vector[i];
    for (let k = 0; k < i; k++) rest -= factor[i][k] * solved[k];
    solved[i] = rest / factor[i][i];
    total += solved[i] ** 2;
  }
  return total;
}

/** The correlation of a Matern-5/2 kernel between two points. */
function matern(left, right) {
  let squares = 0;
  for (let k = 0; k < left.length; k++) squares += (left[k] - right[k]) ** 2;
  const u = Math.sqrt(5 * squares);
  return (1 + u + (u * u) / 3) * Math.exp(-u);
}

/** regmix/regressors/gp.py. The factor of the covariance is computed when it is first needed. */
function gp(model, mixtures) {
  const scaled = (mixture) =>
    mixture.map((weight, k) => {
      const flat = Math.log1p(weight / model.feature_shift) / Math.log1p(1 / model.feature_shift);
      return (model.features === "sqrt" ? Math.sqrt(weight) : flat) / model.lengths[k];
    });
  const inputs = mixtures.map(scaled);
  let factor = null;
  return (mixture) => {
    factor ??= cholesky(
      inputs.map((left, i) =>
        inputs.map((right, j) => model.signal * matern(left, right) + (i === j ? model.noise : 0)),
      ),
    );
    const point = scaled(mixture);
    const near = inputs.map((input) => model.signal * matern(point, input));
    const mean = near.reduce((sum, value, n) => sum + value * model.weights[n], 0) * model.scale + model.shift;
    const left = model.signal + model.noise - explained(factor, near);
    const variance = Math.max(left, model.noise) * model.scale ** 2;
    if (model.floor === null) return { mean, sd: Math.sqrt(variance) };
    const excess = Math.exp(Math.min(mean + variance / 2, 500)); // the mean of a log-normal
    return { mean: model.floor + excess, sd: excess * Math.sqrt(Math.expm1(Math.min(variance, 500))) };
  };
}

/** regmix/regressors/effective_tokens.py. */
function effectiveTokens(model) {
  const [margin, decay, wear] = [0, 2, 3].map((i) => Math.exp(model.free[i]));
  return (mixture) => {
    const logs = mixture.map((weight) => Math.log(Math.max(weight, model.least_weight)));
    const parts = logs.map((log, k) => Math.exp(wear * log + model.free[4 + k]));
    const tokens = parts.reduce((sum, part) => sum + part, 0);
    const above = Math.exp(Math.min(model.free[1] - decay * Math.log(tokens), 50));
    const slopes = parts.map((part) => (part * -decay * above) / tokens);
    const wearing = wear * slopes.reduce((sum, slope, k) => sum + slope * logs[k], 0);
    const all = [-margin, above, -decay * above * Math.log(tokens), wearing, ...slopes];
    let spread = 0;
    model.covariance.forEach((row, i) => row.forEach((value, j) => (spread += all[i] * value * all[j])));
    return { mean: model.floor + model.scale * above, sd: model.scale * Math.sqrt(spread + model.noise ** 2) };
  };
}

/** regmix/regressors/gp_on_law.py. */
function gpOnLaw(model, mixtures) {
  const [law, errors] = [effectiveTokens(model.law), gp(model.errors, mixtures)];
  return (mixture) => {
    const { mean, sd } = errors(mixture);
    return { mean: law(mixture).mean + mean, sd };
  };
}

const KINDS = { gp, effective_tokens: effectiveTokens, gp_on_law: gpOnLaw };

/** The members of an ensemble that can be evaluated here: name, share (they sum to 1), predictors by loss. */
function members(ensemble) {
  const names = Object.keys(ensemble.models).filter((name) => ensemble.weights[name] > 0);
  const total = names.reduce((sum, name) => sum + ensemble.weights[name], 0);
  return names.map((name) => {
    const { kind, losses } = ensemble.models[name];
    const predictors = {};
    for (const loss in losses) predictors[loss] = KINDS[kind](losses[loss], ensemble.mixtures);
    return { name, share: ensemble.weights[name] / total, predictors };
  });
}

/** An objective's value at losses, and its slopes by each: a weighted mean, or the largest excess over references. */
function valueOf(objective, losses) {
  if (!objective.references) {
    const value = losses.reduce((sum, loss, d) => sum + objective.weights[d] * loss, 0);
    return { value, slopes: objective.weights };
  }
  const excess = losses.map((loss, d) => loss - objective.references[d]);
  const value = Math.max(...excess);
  const worst = excess.indexOf(value);
  return { value, slopes: losses.map((_, d) => Number(d === worst)), worst: objective.names[worst] };
}

/** One member's prediction of an objective, from its `parts`, predictions by loss. */
function memberOf(objective, parts) {
  const { value, slopes } = valueOf(objective, objective.names.map((name) => parts[name].mean));
  const sd = objective.names.reduce((sum, name, d) => sum + slopes[d] * parts[name].sd, 0);
  return { mean: value, sd };
}

/** The ensemble's prediction: the variance is the members', plus that between their means. */
function together(shares, predictions) {
  const mean = predictions.reduce((sum, part, e) => sum + shares[e] * part.mean, 0);
  const variance = predictions.reduce((sum, part, e) => sum + shares[e] * (part.sd ** 2 + (part.mean - mean) ** 2), 0);
  return { mean, sd: Math.sqrt(variance) };
}

/** A function of a mixture, and of the `names` of losses if not all are needed, to the ensemble's predictions. */
function predictor(ensemble) {
  const all = members(ensemble);
  const shares = all.map((member) => member.share);
  return (mixture, names = Object.keys(all[0].predictors)) => {
    const parts = all.map(({ predictors }) =>
      Object.fromEntries(names.map((name) => [name, predictors[name](mixture)])),
    );
    const each = (objective) => parts.map((losses) => memberOf(objective, losses));
    return {
      loss: (name) => together(shares, parts.map((losses) => losses[name])),
      of: (objective) => together(shares, each(objective)),
      members: (objective) => Object.fromEntries(each(objective).map((part, e) => [all[e].name, part])),
    };
  };
}
