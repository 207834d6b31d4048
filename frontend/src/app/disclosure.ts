/** Let a button with `data-toggle` open and close the element it names. */
export function enableToggles(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-toggle]");
    const target = button && document.querySelector(button.dataset.toggle ?? "");
    if (button && target) {
      const open = target.classList.toggle("show");
      button.setAttribute("aria-expanded", String(open));
    }
  });
}

/** Close an open `details` with `data-dismiss` on Escape and on a click elsewhere. */
export function enableDismissal(): void {
  const openOnes = (): NodeListOf<HTMLDetailsElement> =>
    document.querySelectorAll<HTMLDetailsElement>("details[data-dismiss][open]");
  document.addEventListener("click", (event) => {
    for (const details of openOnes()) {
      details.open = details.contains(event.target as Node);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") {
      return;
    }
    for (const details of openOnes()) {
      details.open = false;
      details.querySelector("summary")?.focus();
    }
  });
}
