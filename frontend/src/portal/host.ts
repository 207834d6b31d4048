// The embedding page, reached through the SDK's messages. The portal trusts nobody else.

interface Pending {
  resolve: (result: unknown) => void;
  reject: (reason: Error) => void;
}

/** Read the origins that may embed the portal from the page; without any, none may. */
export function allowedOrigins(page: HTMLElement): string[] {
  const given: unknown = JSON.parse(page.dataset.allowedOrigins ?? "[]");
  return Array.isArray(given) ? given.filter((origin) => typeof origin === "string") : [];
}

export class Host {
  private readonly pending = new Map<string, Pending>();
  private readonly refused = new Set<string>();
  private origin: string | undefined;
  private count = 0;

  constructor(
    private readonly allowed: string[],
    private readonly receive: (message: unknown) => void,
  ) {
    window.addEventListener("message", (event) => this.onMessage(event));
  }

  /** Call a function of the SDK in the embedding page. */
  invoke(type: string, ...parameters: unknown[]): Promise<unknown> {
    if (this.origin === undefined) {
      return Promise.reject(new Error("No page has opened this portal yet."));
    }
    this.count += 1;
    const id = `portal-${this.count}`;
    const message = { messageType: "SDK_FUNCTION_INVOCATION", type, parameters, id };
    window.parent.postMessage(message, this.origin);
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
  }

  private onMessage(event: MessageEvent): void {
    if (event.source !== window.parent || !this.mayTalk(event.origin)) {
      return;
    }
    this.origin = event.origin;
    const { messageType, id, result, message } = event.data ?? {};
    if (messageType === "SDK_FUNCTION_RESPONSE") {
      this.settle(id, (call) => call.resolve(result));
    } else if (messageType === "SDK_FUNCTION_ERROR") {
      this.settle(id, (call) => call.reject(new Error(String(message))));
    } else {
      this.receive(event.data);
    }
  }

  private settle(id: unknown, how: (call: Pending) => void): void {
    const call = this.pending.get(String(id));
    this.pending.delete(String(id));
    if (call) {
      how(call);
    }
  }

  private mayTalk(origin: string): boolean {
    if (this.allowed.includes(origin) || this.allowed.includes("*")) {
      return true;
    }
    if (!this.refused.has(origin)) {
      this.refused.add(origin);
      console.warn(
        `The connect portal does not answer pages of ${origin}: ` +
          "it is not among the project's allowed origins.",
      );
    }
    return false;
  }
}
