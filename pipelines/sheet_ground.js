"use strict";
// What the scripts of all pages start from: the page's data, its parts by name, its colours.
const ground = (() => {
  const byId = (name) => document.getElementById(name);
  return {
    byId,
    data: JSON.parse(byId("sheet-data").textContent),
    dark: window.matchMedia("(prefers-color-scheme: dark)"),
    colour: (name) =>
      getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim(),
    narrow: () => window.innerWidth < 640,
  };
})();
