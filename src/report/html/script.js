"use strict";
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);
  const [search, writes, changes, empty, shown] = ["search", "writes", "changes", "empty", "shown"].map(byId);
  const tools = document.querySelector(".tools");
  const MOST_OPENED = 12;
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());

  // Texts are read once, when they are first asked for: hundreds of functions have tens of thousands of rows.
  const texts = new WeakMap();
  const text = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };
  const functions = all("details.fn").map((section) => ({
    section,
    head: section.querySelector("summary"),
    meta: section.querySelector("p.small"),
    rows: all("tr[data-verdict]", section),
    line: document.querySelector(`tr[data-function="${section.id}"]`),
    marks: all(`svg [data-f="${section.id}"]`),
    opened: false,
  }));

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filtered = writes.checked || changes.checked;
    const searched = words.length > 0;
    let count = 0;
    for (const one of functions) {
      const name = `${text(one.head)} ${text(one.meta)}`;
      const named = words.every((word) => name.includes(word));
      let rows = 0;
      for (const row of one.rows) {
        const fits = (named || words.every((word) => name.includes(word) || text(row).includes(word)))
          && (!writes.checked || row.dataset.writes === "true")
          && (!changes.checked || row.dataset.verdict !== "keep");
        row.hidden = !fits;
        if (fits) rows += 1;
      }
      const hidden = (searched || filtered) && rows === 0 && !(searched && named && !filtered);
      one.section.hidden = hidden;
      if (one.line) one.line.hidden = hidden;
      for (const mark of one.marks) mark.classList.toggle("off", hidden);
      if (!hidden) count += 1;
    }
    // What a search finds is shown at once, unless it is much.
    for (const one of functions) {
      const open = searched && count <= MOST_OPENED && !one.section.hidden;
      if (open && !one.section.open) one.section.open = one.opened = true;
      if (!open && one.opened) one.section.open = one.opened = false;
    }
    for (const group of all("details.group")) {
      let left = 0;
      for (const finding of all(".finding", group)) {
        finding.hidden = !words.every((word) => text(finding).includes(word));
        if (!finding.hidden) left += 1;
      }
      group.hidden = searched && left === 0;
    }
    empty.hidden = count > 0;
    shown.value = searched || filtered ? `${count} of ${functions.length} functions` : "";
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
    const order = new Intl.Collator("en", { numeric: true });
    const rows = Array.from(body.rows, (row) => [key(row), row]);
    rows.sort(([a], [b]) => (up ? order.compare(a, b) : order.compare(b, a)));
    body.append(...rows.map(([, row]) => row));
  };
  for (const button of all("th button")) button.addEventListener("click", () => sort(button));

  const follow = () => {
    const section = location.hash && byId(location.hash.slice(1));
    if (!(section instanceof HTMLDetailsElement)) return;
    section.open = true;
    section.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const policy = byId(button.dataset.from);
      const range = document.createRange();
      range.selectNodeContents(policy);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      const copied = navigator.clipboard ? navigator.clipboard.writeText(policy.textContent) : Promise.reject();
      copied.then(() => "copied", () => "selected").then((word) => { button.textContent = word; });
    });
  }

  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && typing) {
      search.value = "";
      apply();
    }
  });

  // Paper cannot be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
})();
