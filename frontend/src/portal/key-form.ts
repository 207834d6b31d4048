import { element } from "../element";
import type { AuthMode, Field } from "./update";

export type Values = Record<string, string | boolean>;

const INPUT_TYPES: Record<string, string> = {
  PASSWORD: "password",
  EMAIL: "email",
  URL: "url",
  NUMBER: "text",
  SWITCH: "checkbox",
  BOOLEAN_INPUT: "checkbox",
};

type Control = HTMLInputElement | HTMLTextAreaElement;

function control(field: Field): Control {
  const attributes = {
    id: `field-${field.id}`,
    name: field.id,
    placeholder: field.placeholder || undefined,
    "aria-describedby": `help-${field.id} error-${field.id}`,
    "aria-required": String(field.required),
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  };
  if (field.type === "TEXTAREA_NO_VARS") {
    return element("textarea", { ...attributes, rows: "3" });
  }
  return element("input", { ...attributes, type: INPUT_TYPES[field.type] ?? "text" });
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(value);
  } catch {
    // A pattern this browser cannot read must not lock people out; the server checks again.
    return true;
  }
}

/** Say what is wrong with a value, or nothing. */
export function fault(field: Field, value: string | boolean): string {
  if (typeof value === "boolean") {
    return "";
  }
  if (value === "") {
    return field.required ? `Enter the ${field.title}.` : "";
  }
  if (field.pattern && !matches(field.pattern, value)) {
    return `This does not look like a valid ${field.title}. ${field.help}`.trim();
  }
  return "";
}

/** The form of an auth mode that takes keys instead of a consent page. */
export class KeyForm {
  readonly node: HTMLFormElement;
  private readonly controls = new Map<Field, Control>();
  private readonly submit = element("button", { type: "submit", class: "primary" }, ["Connect"]);

  constructor(mode: AuthMode, send: (values: Values) => void, back: () => void) {
    const rows = mode.fields.map((field) => this.row(field));
    const backButton = element("button", { type: "button", class: "plain" }, ["Back"]);
    backButton.addEventListener("click", back);
    const buttons = element("div", { class: "buttons" }, [backButton, this.submit]);
    this.node = element("form", { novalidate: "" }, [...rows, buttons]);
    this.node.addEventListener("input", () => this.node.setAttribute("data-touched", ""));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.check()) {
        send(this.values());
      }
    });
  }

  set busy(busy: boolean) {
    this.submit.disabled = busy;
    this.submit.textContent = busy ? "Connecting…" : "Connect";
  }

  private row(field: Field): HTMLElement {
    const input = control(field);
    if (this.controls.size === 0) {
      input.setAttribute("data-focus", "");
    }
    this.controls.set(field, input);
    const title = field.required ? field.title : `${field.title} (optional)`;
    return element("div", { class: "field" }, [
      element("label", { for: input.id }, [title]),
      input,
      element("p", { class: "help", id: `help-${field.id}` }, [field.help]),
      element("p", { class: "fault", id: `error-${field.id}` }),
    ]);
  }

  private value(input: Control): string | boolean {
    return input instanceof HTMLInputElement && input.type === "checkbox"
      ? input.checked
      : input.value.trim();
  }

  private values(): Values {
    return Object.fromEntries(
      [...this.controls].map(([field, input]) => [field.id, this.value(input)]),
    );
  }

  private check(): boolean {
    const wrong = [...this.controls].filter(([field, input]) => this.mark(field, input));
    wrong[0]?.[1].focus();
    return wrong.length === 0;
  }

  private mark(field: Field, input: Control): boolean {
    const words = fault(field, this.value(input));
    const place = this.node.querySelector(`#error-${CSS.escape(field.id)}`);
    if (place) {
      place.textContent = words;
    }
    input.setAttribute("aria-invalid", String(words !== ""));
    return words !== "";
  }
}
