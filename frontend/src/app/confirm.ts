import { element } from "../element";

const confirmed = new WeakSet<HTMLFormElement>();

function question(form: HTMLFormElement): HTMLDialogElement {
  const { confirm, confirmTitle, confirmButton } = form.dataset;
  const dialog = element(
    "dialog",
    { class: "confirm-dialog", "aria-labelledby": "confirm-title" },
    [
      element("form", { method: "dialog" }, [
        element("h2", { id: "confirm-title" }, [confirmTitle ?? "Are you sure?"]),
        element("p", {}, [confirm ?? ""]),
        element("div", { class: "confirm-buttons" }, [
          element("button", { class: "btn", value: "no", autofocus: "" }, ["Cancel"]),
          element("button", { class: "btn btn-danger", value: "yes" }, [confirmButton ?? "Yes"]),
        ]),
      ]),
    ],
  );
  return dialog;
}

function ask(form: HTMLFormElement, submitter: HTMLElement | null): void {
  const dialog = question(form);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "yes") {
      confirmed.add(form);
      form.requestSubmit(submitter);
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Ask before a form with `data-confirm` is sent. */
export function enableConfirmation(): void {
  const intercept = (event: SubmitEvent): void => {
    const form = event.target as HTMLFormElement;
    if (form.dataset.confirm === undefined || confirmed.delete(form)) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(form, event.submitter);
  };
  // While capturing, so that no other listener sends the form first.
  document.addEventListener("submit", intercept, true);
}
