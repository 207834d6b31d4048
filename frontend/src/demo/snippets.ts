import addAccountProperties from "../../public/demo/add-account-properties.js?raw";
import track from "../../public/demo/track.js?raw";
import { errorText, setText, showResult } from "./page";
import type { Paragon } from "./sdk";

// Shown on the page and run by it from the same files, byte for byte.
const sources: Record<string, string> = {
  "add-account-properties": addAccountProperties,
  track,
};

/** Let `paragon.request` say how each call went: the snippets themselves drop the answer. */
export function reportRequests(paragon: Paragon): void {
  const request = paragon.request.bind(paragon);
  paragon.request = (type, path, options) => {
    const answer = request(type, path, options);
    void report(path, answer);
    return answer;
  };
}

async function report(path: string, answer: Promise<unknown>): Promise<void> {
  const place = `${path === "/track" ? "track" : "add-account-properties"}-result`;
  showResult(place, "quiet", "Sending…");
  try {
    const body = await answer;
    const words = typeof body === "string" ? body : JSON.stringify(body ?? null);
    showResult(place, "good", `Accepted. Heap answered: ${words}`);
  } catch (error) {
    showResult(place, "bad", `Not accepted: ${errorText(error)}`);
  }
}

/** Run a snippet as the classic script that it is. */
function run(name: string): void {
  const script = document.createElement("script");
  const here = new URL(".", import.meta.url);
  script.src = new URL(`demo/${name}.js`, here).href;
  script.addEventListener("error", () => {
    showResult(`${name}-result`, "bad", "The snippet could not be loaded.");
  });
  document.body.append(script);
  script.addEventListener("load", () => script.remove());
}

export function showSnippets(): void {
  for (const [name, source] of Object.entries(sources)) {
    setText(`${name}-code`, source.trimEnd());
  }
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-snippet]");
    if (button?.dataset.snippet) {
      run(button.dataset.snippet);
    }
  });
}
