import "./demo.css";
import { byId, errorText, setDisabled, setText, showResult } from "./page";
import { createParagon, type Paragon } from "./sdk";
import { reportRequests, showSnippets } from "./snippets";

interface Config {
  projectId: string;
  userToken: string;
  environments: Record<string, string>;
  sandboxUrl: string | null;
  consoleUrl: string;
}

const badges = {
  VALID: { text: "Connected", tone: "good" },
  INVALID: { text: "Needs re-authorisation", tone: "attention" },
  PENDING: { text: "Not finished", tone: "attention" },
  none: { text: "Not connected", tone: "quiet" },
};

/** Show whether Heap is connected, and offer what makes sense then. */
function showConnection(paragon: Paragon): void {
  const user = paragon.getUser();
  const status = user.integrations?.heap?.credentialStatus;
  const badge = byId("connection-badge");
  const { text, tone } = badges[status ?? "none"];
  badge.textContent = text;
  badge.dataset.tone = tone;
  setText("connect", status ? "Manage the connection" : "Connect Heap");
  setDisabled("#connect", !user.authenticated);
  setDisabled("[data-snippet]", status !== "VALID");
  setDisabled("#disconnect", !status);
}

async function signIn(paragon: Paragon, config: Config): Promise<void> {
  const { projectId, userToken } = config;
  setText(
    "authenticate-code",
    `paragon.authenticate("${projectId}", "${userToken.slice(0, 12)}…");`,
  );
  try {
    await paragon.authenticate(projectId, userToken);
  } catch (error) {
    setText("who", "Not signed in");
    const way = "Reload the page for a new token, and see that the Heapline server runs.";
    showResult("sign-in-result", "bad", `${errorText(error)} ${way}`);
    return;
  }
  const { userId = "" } = paragon.getUser();
  setText("who", `Signed in as ${userId}`);
  showResult("sign-in-result", "good", `Signed in as ${userId}.`);
  showConnection(paragon);
}

async function connect(paragon: Paragon): Promise<void> {
  try {
    await paragon.connect("heap");
  } catch (error) {
    showResult("connect-result", "bad", errorText(error));
  }
}

async function disconnect(paragon: Paragon): Promise<void> {
  setDisabled("#disconnect", true);
  try {
    await paragon.uninstallIntegration("heap");
  } catch (error) {
    showResult("disconnect-result", "bad", errorText(error));
  }
  showConnection(paragon);
}

function follow(paragon: Paragon): void {
  paragon.subscribe("onIntegrationInstall", () => {
    showConnection(paragon);
    showResult("connect-result", "good", "Heap is connected. Go on with the next step.");
    showResult("disconnect-result", "quiet", "");
  });
  paragon.subscribe("onIntegrationUninstall", () => {
    showConnection(paragon);
    showResult("connect-result", "quiet", "");
    showResult("disconnect-result", "good", "Heap is disconnected.");
  });
}

function showLinks({ consoleUrl, sandboxUrl }: Config): void {
  byId<HTMLAnchorElement>("console-link").href = consoleUrl;
  byId<HTMLAnchorElement>("sandbox-link").href = sandboxUrl ?? consoleUrl;
  byId("step-see").hidden = !sandboxUrl;
}

const config: Config = JSON.parse(byId("demo-config").textContent ?? "");
showLinks(config);
showSnippets();
const paragon = createParagon(config.environments);
reportRequests(paragon);
follow(paragon);
byId("connect").addEventListener("click", () => connect(paragon));
byId("disconnect").addEventListener("click", () => disconnect(paragon));
void signIn(paragon, config);
