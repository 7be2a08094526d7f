"use strict";
// Searches and filters the list of modules, which is there without it.
(() => {
  const modules = [...document.querySelectorAll(".module")];
  const names = modules.map((module) => module.querySelector(".name").textContent.toLowerCase());
  const search = document.getElementById("search");
  const least = document.getElementById("least");
  const direct = document.getElementById("direct");
  const count = document.getElementById("count");
  const all = document.getElementById("all");
  let most = 100; // that are drawn; a thousand rows take seconds to open, and nobody reads them

  function filter() {
    const word = search.value.trim().toLowerCase();
    const weight = Number(least.value) || 0;
    let found = 0;
    modules.forEach((module, at) => {
      const fits =
        names[at].includes(word) &&
        Number(module.dataset.weight) >= weight &&
        (!direct.checked || module.dataset.direct === "yes");
      found += fits ? 1 : 0;
      module.hidden = !fits || found > most;
    });
    const heaviest = found > most ? `, the ${most} heaviest shown` : "";
    count.textContent = `${found} of ${modules.length} modules${heaviest}`;
    all.hidden = found <= most;
  }

  function toggle(open) {
    for (const module of modules) if (!module.hidden) module.open = open;
  }

  // A link to a module shows it, whatever is filtered
  function follow() {
    const module = document.getElementById(location.hash.slice(1));
    if (!module || !module.classList.contains("module")) return;
    module.hidden = false;
    module.open = true;
    module.scrollIntoView({ block: "center" });
    module.querySelector("summary").focus({ preventScroll: true });
  }

  for (const control of [search, least, direct]) control.addEventListener("input", filter);
  document.getElementById("expand").addEventListener("click", () => toggle(true));
  document.getElementById("collapse").addEventListener("click", () => toggle(false));
  all.addEventListener("click", () => {
    most = Infinity;
    filter();
  });
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#m"]');
    if (link && link.hash === location.hash) follow(); // no hashchange follows
  });
  document.getElementById("controls").hidden = false;
  filter();
  follow();
})();
