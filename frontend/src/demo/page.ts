type Tone = "good" | "attention" | "bad" | "quiet";

/** Find an element that the template promises. */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`The page has no element "${id}".`);
  }
  return found as Type;
}

export function setText(id: string, text: string): void {
  byId(id).textContent = text;
}

/** Show how something went, with a tone that the words repeat. */
export function showResult(id: string, tone: Tone, text: string): void {
  const place = byId(id);
  place.dataset.tone = tone;
  place.textContent = text;
}

export function setDisabled(selector: string, disabled: boolean): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>(selector)) {
    button.disabled = disabled;
  }
}

/** Find the sentence in an error of the SDK, which may hold a whole JSON answer. */
export function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(Object(error).message ?? error);
  try {
    return String(JSON.parse(message).message ?? message);
  } catch {
    return message;
  }
}
