"use strict";
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const tools = document.querySelector(".tools");
  const search = document.getElementById("search");
  const writes = document.getElementById("writes");
  const changes = document.getElementById("changes");
  const empty = document.getElementById("empty");
  tools.hidden = false;

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const section of all("section.fn")) {
      const head = section.querySelector("h3").textContent.toLowerCase();
      const named = words.every((word) => head.includes(word));
      let rows = 0;
      for (const row of all("tr[data-verdict]", section)) {
        const text = row.textContent.toLowerCase();
        const fits = (named || words.every((word) => head.includes(word) || text.includes(word)))
          && (!writes.checked || row.dataset.writes === "true")
          && (!changes.checked || row.dataset.verdict !== "keep");
        row.hidden = !fits;
        if (fits) rows += 1;
      }
      const filtered = words.length > 0 || writes.checked || changes.checked;
      section.hidden = filtered && rows === 0 && !(named && words.length > 0 && !writes.checked && !changes.checked);
      const line = document.querySelector(`tr[data-function="${section.id}"]`);
      if (line) line.hidden = section.hidden;
      if (!section.hidden) shown += 1;
    }
    for (const finding of all(".finding")) {
      const text = finding.textContent.toLowerCase();
      finding.hidden = !words.every((word) => text.includes(word));
    }
    empty.hidden = shown > 0;
  };
  for (const control of [search, writes, changes]) control.addEventListener("input", apply);

  const sort = (button) => {
    const head = button.closest("th");
    const column = head.cellIndex;
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of all("th", head.parentElement)) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
    const compare = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
    const rows = Array.from(body.rows).sort((a, b) => (up ? compare(a, b) : compare(b, a)));
    body.append(...rows);
  };
  for (const button of all("th button")) button.addEventListener("click", () => sort(button));

  const open = () => {
    const section = location.hash && document.getElementById(location.hash.slice(1));
    const details = section && section.querySelector("details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", open);
  open();

  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const text = document.getElementById(button.dataset.from);
      const range = document.createRange();
      range.selectNodeContents(text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).catch(() => {});
      button.textContent = "copied";
    });
  }

  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      apply();
    }
  });
})();
