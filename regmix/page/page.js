// Folded parts open when something in them is linked to, and those of chapters for printing; tables sort by a click.
"use strict";

function openAround(element) {
  for (let part = element; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
}

function follow() {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {} // a stray % is no name of a part
  const target = name && document.getElementById(name);
  if (!target) return;
  openAround(target);
  target.scrollIntoView();
}

function number(cell) {
  const text = cell.textContent.replace(/[\u202f\s]/g, "").replace("\u2212", "-");
  const found = text.match(/^[+-]?\d+(\.\d+)?(×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/);
  if (!found) return NaN;
  const power = (found[3] || "").replace("⁻", "-").replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit));
  return parseFloat(found[0]) * 10 ** (Number(power) || 0);
}

function sort(table, column, sign) {
  const rows = [...table.tBodies[0].rows];
  const keys = new Map(rows.map((row) => [row, number(row.cells[column])]));
  const numeric = rows.some((row) => !isNaN(keys.get(row)));
  rows.sort((a, b) => {
    if (!numeric) return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
    if (isNaN(keys.get(a)) || isNaN(keys.get(b))) return isNaN(keys.get(a)) - isNaN(keys.get(b)); // dashes come last
    return sign * (keys.get(a) - keys.get(b));
  });
  table.tBodies[0].append(...rows);
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(table, column, up ? 1 : -1);
    };
    head.append(button);
  });
}

for (const table of document.querySelectorAll("figure.table table")) {
  if (table.tHead && table.tBodies[0].rows.length > 2) sortable(table);
}
addEventListener("hashchange", follow);

let printed = []; // what printing opened; appendices are printed if the reader has opened them
addEventListener("beforeprint", () => {
  printed = [...document.querySelectorAll("main > section:not(#appendices) > details, .chapter details")].filter((part) => !part.open);
  printed.forEach((part) => (part.open = true));
});
addEventListener("afterprint", () => printed.forEach((part) => (part.open = false)));
follow();
