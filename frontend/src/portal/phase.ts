import type { KeyForm } from "./key-form";
import type { AuthMode, Credential, Update } from "./update";

/** What the portal is doing, apart from what the host page says. */
export type Phase =
  | { name: "accounts" }
  | { name: "choosing"; target: Credential | undefined }
  | { name: "form"; mode: AuthMode; form: KeyForm }
  | {
      name: "waiting";
      mode: AuthMode;
      target: Credential | undefined;
      before: string;
      seemsClosed: boolean;
    }
  | { name: "disconnecting"; credential: Credential; busy: boolean };

const signature = ({ id, status, changed }: Credential): string => `${id} ${status} ${changed}`;

/** Remember the accounts as they are, to see later which one was connected. */
export function snapshot(update: Update): string {
  return JSON.stringify(update.credentials.map(signature));
}

/** Tell whether an account was connected, or connected again, since the snapshot. */
export function connectedSince(before: string, update: Update): boolean {
  const known: string[] = JSON.parse(before);
  return update.credentials.some(
    (credential) => credential.status === "VALID" && !known.includes(signature(credential)),
  );
}

/** Tell whether the portal has anything to show; the page behind stays untouched otherwise. */
export function isShown(update: Update): boolean {
  if (!update.connector) {
    return false;
  }
  const connected = update.credentials.some((credential) => credential.status === "VALID");
  return !update.background || (update.showAfterInstall && connected);
}
