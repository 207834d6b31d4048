import { element } from "../element";

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select, textarea, summary";

/** The modal window: keeps the focus inside, closes on Escape, on its button and on the backdrop. */
export class PortalDialog {
  private readonly dialog = element("dialog", {
    class: "portal",
    "aria-labelledby": "portal-title",
  });
  private content = "";
  private wanted = false;

  constructor(private readonly close: () => void) {
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    // A browser may also close it without asking.
    this.dialog.addEventListener("close", () => {
      if (this.wanted && !this.dialog.open) {
        this.close();
      }
    });
    this.dialog.addEventListener("keydown", (event) => this.keepFocus(event));
    this.dialog.addEventListener("mousedown", (event) => this.onPress(event));
    document.body.append(this.dialog);
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  open(): void {
    this.wanted = true;
    this.dialog.showModal();
    window.focus();
    this.focusFirst();
  }

  hide(): void {
    this.wanted = false;
    this.content = "";
    this.dialog.close();
  }

  /** Show the view, unless what is on screen was built from the same `key`. */
  show(key: string, build: () => Node[]): void {
    if (key === this.content) {
      return;
    }
    this.content = key;
    const hadFocus = this.dialog.contains(document.activeElement);
    this.dialog.replaceChildren(...build());
    if (hadFocus) {
      this.focusFirst();
    }
  }

  private focusFirst(): void {
    const wanted = this.dialog.querySelector<HTMLElement>("[data-focus]");
    (wanted ?? this.dialog.querySelector<HTMLElement>("#portal-title"))?.focus();
  }

  private keepFocus(event: KeyboardEvent): void {
    const stops = [...this.dialog.querySelectorAll<HTMLElement>(FOCUSABLE)];
    const [first, last] = [stops[0], stops.at(-1)];
    if (event.key !== "Tab" || !first || !last) {
      return;
    }
    const atStart =
      document.activeElement === first || !stops.includes(document.activeElement as HTMLElement);
    if (event.shiftKey && atStart) {
      event.preventDefault();
      last.focus();
    } else if (!event.shiftKey && document.activeElement === last) {
      event.preventDefault();
      first.focus();
    }
  }

  private onPress(event: MouseEvent): void {
    // Only the backdrop itself; a slip of the pointer must not lose what was typed.
    if (event.target === this.dialog && !this.dialog.querySelector("form[data-touched]")) {
      this.close();
    }
  }
}
