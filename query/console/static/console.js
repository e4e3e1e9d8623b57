// What pages gain from a script; each of them works without one.
"use strict";

// The reader's time zone, told once: pages are rendered on the server, in that zone.
const ZONE = "waybill_zone";
if (!document.cookie.split("; ").some((each) => each.startsWith(`${ZONE}=`))) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    document.cookie = `${ZONE}=${zone}; path=/; max-age=31536000; samesite=lax`;
    const kept = document.cookie.includes(`${ZONE}=`);
    if (kept && zone !== "UTC" && document.querySelector("time")) location.reload();
  }
}

// A choice that stands for itself needs no button.
for (const field of document.querySelectorAll("[data-submits]")) {
  field.addEventListener("change", () => field.form.submit());
  field.form.querySelector("button").hidden = true;
}

// An open list of choices closes where one looks elsewhere, or with Escape.
const pickers = document.querySelectorAll("details.picker");
document.addEventListener("click", (event) => {
  for (const picker of pickers) if (!picker.contains(event.target)) picker.open = false;
});
for (const picker of pickers) {
  picker.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !picker.open) return;
    picker.open = false;
    picker.querySelector("summary").focus();
  });
}

// "/" leads to the search, as in other logs.
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("main input[type=search]") ?? document.querySelector("input[type=search]");
  if (event.key !== "/" || !search || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  search.focus();
});

// What a button copies: what it names, or a link to the page. Where a browser lets no page do that, it is selected for whoever reads.
for (const button of document.querySelectorAll("[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  if (!source && !navigator.clipboard) continue;
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    if (source) getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source ? source.textContent : location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = source ? "Selected: copy it now" : "Not copied";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// What a provider posted is fetched once somebody looks at it; until then, and where that fails, a link leads to it.
for (const raw of document.querySelectorAll("details[data-fetches]")) {
  raw.addEventListener("toggle", async () => {
    const link = raw.querySelector("a");
    if (!raw.open || !link) return;
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    const receipt = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".receipt");
    if (receipt && link.isConnected) link.replaceWith(document.adoptNode(receipt));
  });
}

// Where the navigation is one row, the page that is shown is in sight.
const side = document.querySelector(".side");
const here = side?.querySelector("a[aria-current]");
if (here) side.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - side.offsetLeft - side.clientWidth / 2;

// The way back: a page of a list knows the next one alone, so each tells where it was come from.
const next = document.querySelector("a[rel=next]");
if (next) sessionStorage.setItem(`before ${next.href}`, location.href);
const previous = document.querySelector("a[rel=prev]");
const before = sessionStorage.getItem(`before ${location.href}`);
if (previous && before) {
  previous.href = before;
  previous.hidden = false;
}

// A phone shows the rows of a list as cards, which takes from its table what screen readers know it by.
const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
for (const part of document.querySelectorAll("table.list, table.list :is(thead, tbody, tr, th, td)")) {
  part.setAttribute("role", ROLES[part.tagName] ?? (part.scope === "row" ? "rowheader" : "columnheader"));
}
