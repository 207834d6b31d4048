// The pages of the connect window. The opener is the product's page, on another origin:
// each message names the one origin that may read it, and none carries a secret.

const NONCE_PATIENCE_MS = 15_000;
const DONE_SHOWN_FOR_MS = 900;

const page = document.body;

function tellOpener(message: unknown): boolean {
  const origin = page.dataset.postOrigin;
  if (!origin || !window.opener) {
    return false;
  }
  window.opener.postMessage(message, origin);
  return true;
}

function say(title: string, text: string): void {
  const place = (id: string): HTMLElement | null => document.querySelector(id);
  place(".waiting-mark")?.setAttribute("hidden", "");
  place("#nonce-way-out")?.removeAttribute("hidden");
  place("#nonce-title")?.replaceChildren(title);
  place("#nonce-text")?.replaceChildren(text);
}

/** Report that the window is ready; the opener then sends it to the provider. */
function nonce(): void {
  if (!tellOpener({ type: "oauth-nonce-loaded" })) {
    say("This window has lost its page", "Close it and start connecting again.");
    return;
  }
  window.setTimeout(() => {
    say("This takes longer than it should", "Close this window and try again.");
  }, NONCE_PATIENCE_MS);
}

/** Close the window that the SDK opened; it learns of the connection by asking the server. */
function done(): void {
  if (page.dataset.popup !== undefined) {
    window.setTimeout(closeWindow, DONE_SHOWN_FOR_MS);
  }
}

/** Tell the opener what went wrong, so that it can say so where the person began. */
function problem(): void {
  const { code, message, integrationId } = JSON.parse(page.dataset.problem ?? "{}");
  tellOpener({
    type: "oauth_error_callback",
    error: message,
    integrationId,
    errorResponse: { code, message },
  });
}

function closeWindow(): void {
  window.close();
  // A browser may refuse; then the words on the page have to do.
  const hint = document.querySelector("#close-hint");
  hint?.replaceChildren("You can close this window now.");
}

document.addEventListener("click", (event) => {
  if ((event.target as Element).closest("[data-close-window]")) {
    closeWindow();
  }
});

const pages: Record<string, () => void> = { nonce, done, problem };
pages[page.dataset.page ?? ""]?.();
