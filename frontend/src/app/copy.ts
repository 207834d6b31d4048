const SHOWN_FOR_MS = 2000;

/** Copy through a selection where the page has no clipboard, as on plain http. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function announce(button: HTMLElement, copied: boolean): void {
  button.dataset.copied = copied ? "yes" : "no";
  const note = document.createElement("span");
  note.className = "visually-hidden";
  note.setAttribute("role", "status");
  note.textContent = copied ? "Copied" : "Could not copy. Select the text and copy it by hand.";
  button.after(note);
  window.setTimeout(() => {
    delete button.dataset.copied;
    note.remove();
  }, SHOWN_FOR_MS);
}

/** Make every element with `data-copy` copy that text, also ones that arrive later. */
export function enableCopyButtons(): void {
  document.addEventListener("click", async (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    if (button) {
      announce(button, await copy(button.dataset.copy ?? ""));
      button.focus();
    }
  });
}
