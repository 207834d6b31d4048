// The part of the SDK that the page uses. The SDK itself is the npm bundle, loaded beside this.

export interface Integration {
  credentialStatus?: "VALID" | "INVALID" | "PENDING";
}

export interface User {
  authenticated: boolean;
  userId?: string;
  integrations?: Record<string, Integration | undefined>;
}

export interface Paragon {
  authenticate(projectId: string, userToken: string): Promise<void>;
  connect(type: string): Promise<unknown>;
  getUser(): User;
  request(type: string, path: string, options: unknown): Promise<unknown>;
  subscribe(event: string, listener: () => void): unknown;
  uninstallIntegration(type: string): Promise<void>;
}

type Constructor = new (
  environments: Record<string, string>,
  options: { skipBootstrapWithLastKnownState: boolean },
) => Paragon;

declare global {
  interface Window {
    module: { exports: { default: Constructor } };
    paragon: Paragon;
  }
}

/** Make the SDK the page's global `paragon`, pointed at the given addresses and no others. */
export function createParagon(environments: Record<string, string>): Paragon {
  const { default: ConnectSdk } = window.module.exports;
  // Each load of this page signs in anew; an older visit's addresses must not come back.
  window.paragon = new ConnectSdk(environments, { skipBootstrapWithLastKnownState: true });
  return window.paragon;
}
