// Moves of a mixture: one weight set by hand, and a search for a lower score.

const STEPS = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005]; // of weight that a move takes from one domain and gives another

/** `mixture` with `weight` for domain k; the others that are not `locked` share the rest in proportion. */
function withWeight(mixture, k, weight, locked) {
  const free = mixture.map((_, i) => i !== k && !locked.has(i));
  const held = mixture.reduce((sum, value, i) => sum + (i !== k && !free[i] ? value : 0), 0);
  const count = free.filter(Boolean).length;
  if (!count) return mixture;
  const set = Math.max(0, Math.min(weight, 1 - held));
  const rest = Math.max(0, 1 - held - set);
  const before = mixture.reduce((sum, value, i) => sum + (free[i] ? value : 0), 0);
  return mixture.map((value, i) => {
    if (i === k) return set;
    if (!free[i]) return value;
    return before > 1e-9 ? (value / before) * rest : rest / count;
  });
}

/**
 * The best mixture by moves from one domain to another, smaller and smaller, from where `mixture` is: deterministic,
 * and never worse. `score` is to be low, `excess` by how much constraints are broken, which no move may raise.
 */
async function lower(mixture, score, excess, locked) {
  let [best, value, broken] = [mixture, score(mixture), excess(mixture)];
  const free = mixture.map((_, k) => k).filter((k) => !locked.has(k));
  for (const step of STEPS) {
    for (let moved = true, rounds = 0; moved && rounds < 10; rounds++) {
      moved = false;
      for (const from of free) {
        for (const to of free) {
          const share = Math.min(step, best[from]);
          if (from === to || share < 1e-4) continue;
          const trial = best.map((weight, k) => weight + (k === to ? share : 0) - (k === from ? share : 0));
          const over = excess(trial);
          if (over > broken + 1e-9) continue;
          const tried = score(trial);
          if (tried < value - 1e-6 || over < broken - 1e-6) [best, value, broken, moved] = [trial, tried, over, true];
        }
      }
      await new Promise((done) => setTimeout(done)); // the page stays alive
    }
  }
  return best;
}
