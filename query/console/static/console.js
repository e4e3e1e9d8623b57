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

// What a button copies; where a browser lets no page do that, it is selected for whoever reads.
for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected: copy it now";
    }
  });
}
