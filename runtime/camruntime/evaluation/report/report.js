"use strict";
// Sorts the table by a click on a column's head, or on load by a link such as #sort=2 or
// #sort=2-ascending. Baselines stay below; cells without a value go last.
(() => {
  const table = document.querySelector("table.results");
  const heads = [...table.tHead.rows[0].cells];

  function compare(a, b, column, sign) {
    const [x, y] = [a, b].map((row) => row.cells[column].dataset.value);
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    return sign * (column === 0 ? x.localeCompare(y) : Number(x) - Number(y));
  }

  function sort(column, direction) {
    const sign = direction === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      body.append(...[...body.rows].sort((a, b) => compare(a, b, column, sign)));
    }
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", direction);
  }

  function sortByLink() {
    const [, column, direction] = location.hash.match(/^#sort=(\d+)(?:-(ascending|descending))?$/) ?? [];
    const head = heads[column];
    if (head) sort(Number(column), direction ?? head.dataset.first);
  }

  for (const [column, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const other = { ascending: "descending", descending: "ascending" };
      sort(column, other[head.getAttribute("aria-sort")] ?? head.dataset.first);
      location.replace(`#sort=${column}-${head.getAttribute("aria-sort")}`);
    });
  }
  addEventListener("hashchange", sortByLink);
  sortByLink();
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    for (const one of document.images) one.loading = "eager";
  });
})();
