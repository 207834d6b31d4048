import { element } from "../element";
import type { Phase } from "./phase";
import type { AuthMode, Connector, Credential, Update } from "./update";
import type { Notice } from "./words";

export interface Actions {
  close: () => void;
  connect: (target: Credential | undefined) => void;
  pick: (mode: AuthMode, target: Credential | undefined) => void;
  back: () => void;
  askDisconnect: (credential: Credential) => void;
  disconnect: (credential: Credential) => void;
}

export interface View {
  update: Update;
  connector: Connector;
  phase: Phase;
  notice: Notice | undefined;
}

type Part = HTMLElement | undefined;

const STATUS = {
  VALID: { words: "Connected", look: "good" },
  INVALID: { words: "Needs re-authorisation", look: "attention" },
  PENDING: { words: "Not finished", look: "attention" },
};

/** What a view is built from, as text: views with the same key look the same. */
export function phaseKey({ update, connector, phase, notice }: View): string {
  const { form: _, ...plain } = phase as Phase & { form?: unknown };
  const { failure: __, ...shown } = update;
  return JSON.stringify([connector, plain, shown, notice]);
}

/** Build what the dialog shows. */
export function viewOf(view: View, actions: Actions): Node[] {
  const { connector, notice, phase, update } = view;
  const parts = update.signedIn
    ? [notice && noticeOf(notice), ...bodyOf(view, actions)]
    : signedOut(connector, actions);
  const children = parts.filter((node) => node !== undefined);
  return [
    headOf(connector, update.iconUrl, actions),
    element("div", { class: "body", "data-phase": phase.name }, children),
  ];
}

function button(label: string, look: string, press: () => void, focus = false): HTMLElement {
  const node = element("button", { type: "button", class: look }, [label]);
  node.addEventListener("click", press);
  if (focus) {
    node.setAttribute("data-focus", "");
  }
  return node;
}

const paragraph = (text: string, look?: string): HTMLElement =>
  element("p", { class: look }, [text]);
const buttons = (...children: Part[]): HTMLElement =>
  element("div", { class: "buttons" }, children);

function headOf(connector: Connector, iconUrl: string | undefined, actions: Actions): HTMLElement {
  const close = element("button", { type: "button", class: "close", "aria-label": "Close" }, ["×"]);
  close.addEventListener("click", actions.close);
  return element("header", {}, [
    iconOf(connector, iconUrl),
    element("h1", { id: "portal-title", tabindex: "-1" }, [connector.name]),
    close,
  ]);
}

/** The connector's icon, or its first letter when there is none on the portal's own origin. */
function iconOf(connector: Connector, iconUrl: string | undefined): HTMLElement {
  const letter = connector.name.slice(0, 1).toUpperCase();
  const frame = element("span", { class: "icon", "aria-hidden": "true" }, [letter]);
  if (iconUrl && URL.canParse(iconUrl) && new URL(iconUrl).origin === window.location.origin) {
    const image = element("img", { src: iconUrl, alt: "" });
    image.addEventListener("load", () => frame.replaceChildren(image));
  }
  return frame;
}

function noticeOf({ tone, title, text }: Notice): HTMLElement {
  const role = tone === "good" ? "status" : "alert";
  return element("div", { class: `notice ${tone}`, role }, [
    element("strong", {}, [title]),
    text ? paragraph(text) : undefined,
  ]);
}

function signedOut(connector: Connector, actions: Actions): Part[] {
  return [
    paragraph(`Your session has ended. Reload the page and open ${connector.name} again.`),
    buttons(button("Close", "primary", actions.close, true)),
  ];
}

function bodyOf(view: View, actions: Actions): Part[] {
  const { phase } = view;
  switch (phase.name) {
    case "accounts":
      return accountsView(view, actions);
    case "choosing":
      return [
        paragraph("How do you want to connect?"),
        ...modeChoice(view, phase.target, actions),
        buttons(button("Back", "plain", actions.back)),
      ];
    case "form":
      return formView(phase);
    case "waiting":
      return waitingView(phase, view.connector, actions);
    case "disconnecting":
      return disconnectView(phase, view.connector, actions);
  }
}

function accountsView(view: View, actions: Actions): Part[] {
  const { connector, update } = view;
  if (update.credentials.length === 0) {
    return [...about(connector), ...connectChoice(view, actions)];
  }
  const items = update.credentials.map((credential) => accountItem(credential, connector, actions));
  const another = update.severalAccounts
    ? button("Connect another account", "plain", () => actions.connect(undefined))
    : undefined;
  return [
    element("ul", { class: "accounts" }, items),
    buttons(another, button("Close", "plain", actions.close, true)),
    ...about(connector),
  ];
}

function about({ description, overview }: Connector): Part[] {
  const blocks = overview.split(/\n\s*\n/).filter((block) => block.trim() !== "");
  return [
    description ? paragraph(description, "description") : undefined,
    ...blocks.map((block) => paragraph(block.trim(), "overview")),
  ];
}

function connectChoice(view: View, actions: Actions): Part[] {
  const { connector } = view;
  const [only] = connector.modes;
  if (!only) {
    return [paragraph(`${connector.name} cannot be connected yet: it has no way to sign in.`)];
  }
  if (connector.modes.length > 1) {
    return modeChoice(view, undefined, actions);
  }
  const connect = button(
    `Connect ${connector.name}`,
    "primary wide",
    () => actions.pick(only, undefined),
    true,
  );
  return [scopesOf(only), connect];
}

function modeChoice(view: View, target: Credential | undefined, actions: Actions): Part[] {
  return view.connector.modes.map((mode, index) => {
    const look = index === 0 ? "primary wide" : "plain wide";
    const label = mode.scheme === "oauth" ? mode.title : `Connect with ${mode.title}`;
    return element("div", { class: "mode" }, [
      scopesOf(mode),
      button(label, look, () => actions.pick(mode, target), index === 0),
    ]);
  });
}

function formView({ mode, form }: Extract<Phase, { name: "form" }>): Part[] {
  const about = mode.description ? paragraph(mode.description, "overview") : undefined;
  return [paragraph(`Connect with ${mode.title}.`), about, form.node];
}

function scopesOf({ scopes }: AuthMode): Part {
  if (scopes.length === 0) {
    return undefined;
  }
  const items = scopes.map(({ name, description }) => element("li", {}, [description || name]));
  return element("div", { class: "scopes" }, [
    paragraph("You will be asked to allow:"),
    element("ul", {}, items),
  ]);
}

function accountItem(credential: Credential, connector: Connector, actions: Actions): HTMLElement {
  const { words, look } = STATUS[credential.status];
  const reconnect =
    credential.status === "VALID"
      ? undefined
      : button("Reconnect", "primary", () => actions.connect(credential), true);
  return element("li", {}, [
    element("div", { class: "account" }, [
      element("span", { class: "name" }, [credential.label || `${connector.name} account`]),
      element("span", { class: `status ${look}` }, [words]),
    ]),
    credential.reason ? paragraph(credential.reason, "reason") : undefined,
    buttons(
      reconnect,
      button("Disconnect", "danger", () => actions.askDisconnect(credential)),
    ),
  ]);
}

type Waiting = Extract<Phase, { name: "waiting" }>;

function waitingView(phase: Waiting, connector: Connector, actions: Actions): Part[] {
  const again = (): void => actions.pick(phase.mode, phase.target);
  const lead = phase.seemsClosed
    ? noticeOf({
        tone: "attention",
        title: "Not connected yet",
        text: `If you closed the ${connector.name} window before the end, open it again. If it is still open, finish there.`,
      })
    : element("div", { role: "status" }, [
        element("div", { class: "spinner", "aria-hidden": "true" }),
        paragraph(`Continue in the ${connector.name} window.`, "centred"),
      ]);
  return [
    lead,
    buttons(
      button("Cancel", "plain", actions.back),
      button("Open the window again", phase.seemsClosed ? "primary" : "plain", again, true),
    ),
  ];
}

type Disconnecting = Extract<Phase, { name: "disconnecting" }>;

function disconnectView(phase: Disconnecting, connector: Connector, actions: Actions): Part[] {
  const { credential, busy } = phase;
  const confirm = button(busy ? "Disconnecting…" : "Disconnect", "danger solid", () =>
    actions.disconnect(credential),
  );
  const cancel = button("Keep it", "plain", actions.back, true);
  confirm.toggleAttribute("disabled", busy);
  cancel.toggleAttribute("disabled", busy);
  const which = credential.label ? ` (${credential.label})` : "";
  return [
    paragraph(
      `Disconnect your ${connector.name} account${which}? This product can then no longer use it. You can connect it again at any time.`,
    ),
    buttons(cancel, confirm),
  ];
}
