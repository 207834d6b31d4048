import { applyAccent } from "./accent";
import { PortalDialog } from "./dialog";
import type { Host } from "./host";
import { KeyForm, type Values } from "./key-form";
import { connectedSince, isShown, type Phase, snapshot } from "./phase";
import type { AuthMode, Connector, Credential, Update } from "./update";
import { type Actions, phaseKey, viewOf } from "./views";
import { connectFailure, disconnectFailure, type Notice } from "./words";

/** The SDK asks once a second whether the connection exists; leave it two chances. */
const GRACE_AFTER_RETURN_MS = 2500;

/** Not every return can be noticed; after this long, look as if there had been one. */
const PATIENCE_MS = 45_000;

/** Follow what the host page says, and do what the person asks for. */
export class Portal {
  private phase: Phase = { name: "accounts" };
  private notice: Notice | undefined;
  private update: Update | undefined;
  private shownFor: string | undefined;
  private attempts = 0;
  private readonly dialog = new PortalDialog(() => this.close());
  private readonly actions: Actions = {
    close: () => this.close(),
    connect: (target) => this.chooseMode(target),
    pick: (mode, target) => this.begin(mode, target),
    back: () => this.enter({ name: "accounts" }),
    askDisconnect: (credential) => this.enter({ name: "disconnecting", credential, busy: false }),
    disconnect: (credential) => this.disconnect(credential),
  };

  constructor(private readonly host: Host) {
    window.addEventListener("focus", () => this.onReturn());
  }

  async receive(update: Update): Promise<void> {
    this.update = update;
    const connector = isShown(update) ? update.connector : undefined;
    if (connector?.id !== this.shownFor) {
      await this.switchTo(connector);
    }
    if (this.shownFor !== undefined) {
      this.follow(update);
      this.render();
    }
  }

  private async switchTo(connector: Connector | undefined): Promise<void> {
    this.shownFor = connector?.id;
    this.phase = { name: "accounts" };
    this.notice = undefined;
    if (!connector) {
      this.dialog.hide();
      await this.host.invoke("updateContainerStyle", { isModalShown: false });
      return;
    }
    applyAccent(document.documentElement, connector.accent);
    this.render();
    // The frame must be on screen before anything in it can take the focus.
    await this.host.invoke("updateContainerStyle", { isModalShown: true });
    await new Promise(requestAnimationFrame);
    if (this.shownFor === connector.id && !this.dialog.isOpen) {
      this.dialog.open();
      await this.host.invoke("onOpen");
    }
  }

  /** Notice that a connection succeeded or failed while the portal waited for it. */
  private follow(update: Update): void {
    const { phase } = this;
    if (phase.name !== "waiting" || !update.connector) {
      return;
    }
    if (connectedSince(phase.before, update)) {
      this.succeed(update.connector);
    } else if (update.failure) {
      this.phase = { name: "accounts" };
      this.notice = connectFailure(update.failure, update.connector.name);
    }
  }

  private succeed(connector: Connector): void {
    this.phase = { name: "accounts" };
    this.notice = {
      tone: "good",
      title: `${connector.name} is connected`,
      text: "You can close this now.",
    };
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.notice = undefined;
    this.render();
  }

  private render(): void {
    const { update, phase } = this;
    const connector = update?.connector;
    if (update && connector) {
      const view = { update, connector, phase, notice: this.notice };
      this.dialog.show(phaseKey(view), () => viewOf(view, this.actions));
    }
  }

  private close(): void {
    // The answer is an update without a connector, which hides the dialog.
    void this.host.invoke("closePortal");
  }

  private chooseMode(target: Credential | undefined): void {
    const modes = this.update?.connector?.modes ?? [];
    const known =
      modes.find((mode) => mode.id === target?.mode) ?? (modes.length === 1 ? modes[0] : undefined);
    if (known) {
      this.begin(known, target);
    } else {
      this.enter({ name: "choosing", target });
    }
  }

  private begin(mode: AuthMode, target: Credential | undefined): void {
    if (mode.scheme === "oauth") {
      void this.openWindow(mode, target);
      return;
    }
    const send = (values: Values): void => void this.sendKeys(mode, target, values);
    this.enter({ name: "form", mode, form: new KeyForm(mode, send, () => this.actions.back()) });
  }

  private installOptions(mode: AuthMode, target: Credential | undefined): Record<string, unknown> {
    const { update } = this;
    return {
      accountType: mode.id,
      allowMultipleCredentials: update?.severalAccounts ?? false,
      selectedCredentialId: target?.id ?? update?.selected,
      externalId: target ? undefined : update?.externalId,
    };
  }

  private async openWindow(mode: AuthMode, target: Credential | undefined): Promise<void> {
    const { update } = this;
    if (!update?.connector) {
      return;
    }
    const { name, type } = update.connector;
    const before = snapshot(update);
    const waiting: Phase = { name: "waiting", mode, target, before, seemsClosed: false };
    this.enter(waiting);
    window.setTimeout(() => this.lookAfter(waiting), PATIENCE_MS);
    try {
      // The call that opens the window goes first: browsers allow it only shortly after the click.
      const opened = this.host.invoke("startOAuthFlow", type, this.installOptions(mode, target));
      // An old failure would be sent again with every update.
      await Promise.all([
        opened,
        this.host.invoke("setModalState", { connectionError: undefined }),
      ]);
    } catch (error) {
      this.enter({ name: "accounts" });
      this.notice = connectFailure(error, name);
      this.render();
    }
  }

  /** The person is back at this page: look whether the connection exists, else offer a way on. */
  private onReturn(): void {
    const { phase } = this;
    if (phase.name !== "waiting") {
      return;
    }
    window.setTimeout(() => this.lookAfter(phase), GRACE_AFTER_RETURN_MS);
  }

  private async lookAfter(phase: Phase): Promise<void> {
    if (this.phase === phase) {
      await this.host.invoke("bootstrapSDKState");
    }
    if (this.phase === phase && phase.name === "waiting") {
      this.phase = { ...phase, seemsClosed: true };
      this.render();
    }
  }

  private async sendKeys(
    mode: AuthMode,
    target: Credential | undefined,
    values: Values,
  ): Promise<void> {
    const { phase, update } = this;
    if (phase.name !== "form" || !update?.connector) {
      return;
    }
    const { connector } = update;
    phase.form.busy = true;
    this.attempts += 1;
    const response = {
      integrationId: connector.id,
      payload: { ...values, skipPostOAuthInputs: false },
      // The SDK drops what it has seen in the last five seconds, even after a failure.
      attempt: this.attempts,
    };
    const options = { installOptions: this.installOptions(mode, target) };
    const outcome = await this.host.invoke("_oauthCallback", response, undefined, options).then(
      (installed) => ({ installed, error: this.update?.failure }),
      (error: unknown) => ({ installed: undefined, error }),
    );
    if (this.phase === phase) {
      this.finishKeys(phase.form, connector, outcome);
    }
  }

  private finishKeys(
    form: KeyForm,
    connector: Connector,
    outcome: { installed: unknown; error: unknown },
  ): void {
    form.busy = false;
    if (outcome.installed) {
      this.succeed(connector);
    } else {
      this.notice = connectFailure(outcome.error, connector.name);
    }
    this.render();
  }

  private async disconnect(credential: Credential): Promise<void> {
    const connector = this.update?.connector;
    if (!connector) {
      return;
    }
    const phase: Phase = { name: "disconnecting", credential, busy: true };
    this.enter(phase);
    try {
      // The SDK closes the portal when the account it was opened for goes; the person shall see the result.
      await this.host.invoke("setModalState", { selectedCredentialId: undefined });
      await this.host.invoke("uninstallIntegration", connector.type, {
        selectedCredentialId: credential.id,
      });
      this.leaveDisconnecting(phase, {
        tone: "good",
        title: "Disconnected",
        text: `This product can no longer use your ${connector.name} account.`,
      });
    } catch (error) {
      this.leaveDisconnecting(phase, disconnectFailure(error, connector.name));
    }
  }

  private leaveDisconnecting(phase: Phase, notice: Notice): void {
    if (this.phase === phase) {
      this.phase = { name: "accounts" };
      this.notice = notice;
      this.render();
    }
  }
}
