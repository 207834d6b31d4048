// The page's tabs, copy buttons, fault form and clear button.

import { refresh } from "./live.js";

const NOTE_MS = 4000;

function note(id, text, status = "good") {
  const shown = document.getElementById(id);
  shown.textContent = text;
  shown.dataset.status = status;
}

async function send(method, path, body) {
  const answer = await fetch(`/sandbox/api/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  await refresh();
}

const tabs = [...document.querySelectorAll("[role=tab]")];

function select(chosen) {
  for (const tab of tabs) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, NOTE_MS);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button));
}

const form = document.getElementById("fault-form");

function showFittingFields() {
  for (const label of form.querySelectorAll("[data-for]")) {
    const fits = label.dataset.for === form.elements.kind.value;
    label.hidden = !fits;
    label.querySelector("input").disabled = !fits;
  }
}

function readFault() {
  const given = new FormData(form);
  const fault = { kind: given.get("kind"), path: given.get("path") };
  for (const name of ["times", "seconds", "status", "retry_after"]) {
    if (given.get(name)) fault[name] = Number(given.get(name));
  }
  return fault;
}

form.elements.kind.addEventListener("change", showFittingFields);
showFittingFields();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await send("POST", "faults", readFault());
    note("fault-note", "The fault waits for the next request that fits.");
  } catch (error) {
    note("fault-note", error.message, "bad");
  }
});

document.getElementById("waiting").addEventListener("click", async (event) => {
  const { fault } = event.target.dataset;
  if (!fault) return;
  // The fault may have happened in the meantime; the list shows what is left either way.
  await send("DELETE", `faults/${fault}`).catch(() => refresh());
});

document.getElementById("clear").addEventListener("click", async () => {
  if (!confirm("Remove all events, users and accounts?")) return;
  try {
    await send("POST", "clear", {});
    note("clear-note", "Everything was removed.");
  } catch (error) {
    note("clear-note", error.message, "bad");
  }
});
