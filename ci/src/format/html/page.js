"use strict";
const all = (selector) => [...document.querySelectorAll(selector)];

for (const cell of all(".copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(cell.querySelector("code").textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(cell.querySelector("code"));
    }
  });
  cell.append(button);
}

const filter = document.getElementById("filter");
const rows = all("tbody tr");
filter?.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  for (const row of rows) row.style.display = row.hidden ? "none" : "";
  document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
});

// A link to a finding opens it.
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", open);
open();

const summaries = all("#findings summary");
addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = summaries.indexOf(document.activeElement);
  const next = { j: at + 1, k: at < 0 ? 0 : at - 1 }[event.key];
  if (next !== undefined) summaries[Math.max(0, Math.min(next, summaries.length - 1))]?.focus();
  if (event.key === "/" && filter) { event.preventDefault(); filter.focus(); }
});
