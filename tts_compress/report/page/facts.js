"use strict";

/* Where the runs come from: recipes, versions, seeds, machines. */

function list(entries) {
  return make(
    "dl",
    {},
    entries
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .flatMap(([name, value]) => [
        make("dt", { text: name }),
        make("dd", {}, typeof value === "object" ? value : String(value)),
      ]),
  );
}

/** Puts what a run's provenance holds into lines; names as they are in the file. */
function provenance(run) {
  if (!run.provenance)
    return make("p", { class: "muted", text: "Versions, machine and commit: not recorded." });
  const lines = [];
  const flatten = (value, name) => {
    if (value === null || value === undefined) return;
    if (typeof value === "object" && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value))
        flatten(inner, name ? `${name}, ${key}` : key);
    else
      lines.push([
        name.replaceAll("_", " "),
        name.endsWith("bytes")
          ? `${number(value / 2 ** 30, 1)} GiB`
          : Array.isArray(value)
            ? value.join(", ")
            : typeof value === "number"
              ? String(Math.round(value * 100) / 100)
              : value,
      ]);
  };
  flatten(run.provenance, "");
  return list(lines);
}

function drawFacts() {
  const recipes = voice().recipes.map((recipe) =>
    make(
      "details",
      { open: voice().recipes.length === 1 },
      make("summary", {}, make("strong", { text: recipe.name })),
      list([
        ["Model", recipe.model],
        ["Seed", recipe.seed],
        ["Folder", make("code", { text: recipe.folder })],
      ]),
      recipe.source
        ? make(
            "pre",
            { tabindex: 0, "aria-label": `Recipe ${recipe.name}` },
            make("code", { text: recipe.source }),
          )
        : make("p", { class: "muted", text: "The recipe's text: not recorded." }),
    ),
  );
  find("#recipes").replaceChildren(...recipes);
  const run = runOf(view.selected);
  find("#provenance").replaceChildren(
    ...(run
      ? [
          make("h3", { text: run.name }),
          list([
            ["Run", make("code", { text: run.id })],
            ["Recipes", run.recipes.join(", ")],
          ]),
          provenance(run),
        ]
      : []),
  );
}

/** What every number means, all in one list. */
function drawGlossary() {
  const names = [...new Set([...voice().measures, ...voice().sentence_measures])];
  find("#glossary").replaceChildren(
    list(
      names.map((name) => {
        const { label, unit, explains, better } = measure(name);
        const direction =
          { lower: " Lower is better.", higher: " Higher is better." }[better] ?? "";
        return [unit ? `${label} (${unit})` : label, explains + direction];
      }),
    ),
  );
}

function startFacts() {
  parts.push({ on: ["voice", "selected"], draw: drawFacts });
  parts.push({ on: ["voice"], draw: drawGlossary });
}
