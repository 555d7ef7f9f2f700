// Figures: a loss as a bar from its value at natural, and the front of two objectives.

// The namespace of SVG, taken from an element, so that the page holds no address.
const SVG = Object.assign(document.createElement("template"), { innerHTML: "<svg></svg>" }).content.firstChild.namespaceURI;

/** An element with attributes and children; `on...` attributes are listeners. */
function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "circle", "polyline", "text", "path", "title"].includes(tag);
  const node = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** A number with a true minus sign, and a plus if `signed`. */
function fixed(value, digits = 3, signed = false) {
  const text = Math.abs(value).toFixed(digits);
  const sign = Number(text) === 0 ? "" : value < 0 ? "−" : signed ? "+" : "";
  return sign + text;
}

/** A bar from 0, a loss's difference from natural, with its interval and a mark; an arrow where it leaves the `span`. */
function bar(difference, half, mark, span) {
  const place = (value) => `${(50 + 50 * Math.max(-1, Math.min(1, value / span))).toFixed(2)}%`;
  const box = (kind, from, to) =>
    element("span", { class: kind, style: `left:${place(from)};right:calc(100% - ${place(to)})` });
  const side = (difference < 0 ? "x-fill x-better" : "x-fill x-worse") + (Math.abs(difference) > span ? " x-cut" : "");
  return element(
    "span",
    { class: "x-track", "aria-hidden": "true" },
    box(side, Math.min(difference, 0), Math.max(difference, 0)),
    box("x-whisker", difference - half, difference + half),
    element("span", { class: "x-zero" }),
    Math.abs(mark) > span ? "" : element("span", { class: "x-mark", style: `left:${place(mark)}` }),
  );
}

/** Round numbers between two ends, about `count` of them. */
function ticks([low, high], count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * The front of two objectives. `front` has names and points {first, second}: rows of value, low, high; `marks` are
 * further points {x, y, kind, title}; `pick(i)` loads a point.
 */
function frontChart(front, marks, width, pick) {
  const [height, left, bottom, top, right] = [Math.min(340, width * 0.8), 52, 42, 12, 14];
  const ends = (rows, more) => {
    const all = [...rows.flat(), ...more];
    const room = (Math.max(...all) - Math.min(...all)) * 0.04 || 0.1;
    return [Math.min(...all) - room, Math.max(...all) + room];
  };
  const fixedMarks = marks.filter((mark) => mark.kind !== "x-here");
  const xs = ends(front.points.first, fixedMarks.map((mark) => mark.x));
  const ys = ends(front.points.second, fixedMarks.map((mark) => mark.y));
  const within = (value, [low, high]) => (Math.max(low, Math.min(high, value)) - low) / (high - low);
  const x = (value) => left + within(value, xs) * (width - left - right);
  const y = (value) => height - bottom - within(value, ys) * (height - bottom - top);
  const rows = front.points.first.map((first, i) => [first, front.points.second[i]]);
  const chart = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "x-front", role: "group",
    "aria-label": `Predicted ${front.names[0]} and ${front.names[1]} along their front` });
  for (const value of ticks(xs, width / 90)) {
    chart.append(
      element("line", { x1: x(value), x2: x(value), y1: top, y2: height - bottom, class: "x-grid" }),
      element("text", { x: x(value), y: height - bottom + 16, "text-anchor": "middle" }, fixed(value, 2)),
    );
  }
  for (const value of ticks(ys)) {
    chart.append(
      element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "x-grid" }),
      element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, fixed(value, 2)),
    );
  }
  chart.append(
    element("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, `${front.names[0]}, predicted`),
    element("text", { x: 12, y: (height - bottom) / 2, "text-anchor": "middle",
      transform: `rotate(-90 12 ${(height - bottom) / 2})` }, `${front.names[1]}, predicted`),
    element("polyline", { class: "x-line", points: rows.map(([a, b]) => `${x(a[0])},${y(b[0])}`).join(" ") }),
  );
  rows.forEach(([a, b], i) => {
    const title = `Point ${i + 1} of ${rows.length}: ${front.names[0]} ${fixed(a[0])}, ${front.names[1]} ${fixed(b[0])}`;
    chart.append(
      element("line", { x1: x(a[1]), x2: x(a[2]), y1: y(b[0]), y2: y(b[0]), class: "x-error" }),
      element("line", { x1: x(a[0]), x2: x(a[0]), y1: y(b[1]), y2: y(b[2]), class: "x-error" }),
      element("circle", { cx: x(a[0]), cy: y(b[0]), r: 6, class: "x-point", tabindex: 0, role: "button",
        "aria-label": `Load: ${title}`, onclick: () => pick(i), onkeydown: (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          pick(i);
        } }, element("title", {}, title)),
    );
  });
  for (const mark of marks) {
    const [cx, cy] = [x(mark.x), y(mark.y)];
    const shape = mark.kind === "x-here"
      ? element("path", { d: `M${cx - 8} ${cy}H${cx + 8}M${cx} ${cy - 8}V${cy + 8}`, class: mark.kind })
      : element("circle", { cx, cy, r: 4, class: mark.kind });
    shape.append(element("title", {}, mark.title));
    chart.append(shape);
    if (mark.label) chart.append(element("text", { x: cx - 8, y: cy - 7, "text-anchor": "end" }, mark.label));
  }
  return chart;
}
